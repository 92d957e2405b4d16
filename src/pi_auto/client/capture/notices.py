"""What the reader lets the lookout know about a scanner, by its node; and who listens."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.keys.habits import Habits
from pi_auto.frozen import frozen
from pi_auto.typed import Protocol


@frozen
class Gone:
    """It was unplugged, or let go of."""

    path: Path


@frozen
class Judged:
    """An unknown keyboard is a scanner, or was let go of as a person's."""

    path: Path
    verdict: Verdict


@frozen
class Calibrated:
    """It has read the calibration code."""

    path: Path
    layout: str


@frozen
class Read:
    """It has read so many codes since that was told last.

    Told when its habits have changed, while it may be calibrated, and at its tenth.
    """

    path: Path
    habits: Habits
    codes: int


Notice = Gone | Judged | Calibrated | Read


class Observer(Protocol):
    """Who wants to know; may be told from any thread and does not wait."""

    def note(self, notice: Notice) -> None:
        """Take note."""
