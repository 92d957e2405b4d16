"""What the reader lets the lookout know about a scanner, by its node; and who listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.keys.habits import Habits


@dataclass(frozen=True, slots=True)
class Gone:
    """It was unplugged, or let go of."""

    path: Path


@dataclass(frozen=True, slots=True)
class Judged:
    """An unknown keyboard is a scanner, or was let go of as a person's."""

    path: Path
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Calibrated:
    """It has read the calibration code."""

    path: Path
    layout: str


@dataclass(frozen=True, slots=True)
class Read:
    """It has read so many codes since it was opened; told when its habits have changed and once it is not new."""

    path: Path
    habits: Habits
    codes: int


Notice = Gone | Judged | Calibrated | Read


class Observer(Protocol):
    """Who wants to know; may be told from any thread and does not wait."""

    def note(self, notice: Notice) -> None:
        """Take note."""
