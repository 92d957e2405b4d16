"""What a lookout needs around it: what is known of scanners, and who takes what it opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.client.capture.learning.knowledge import Knowledge
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.capture.tuning import Tuning


class Takes:
    """Who takes what was opened by doing `take` with it, and reads nothing."""

    def __init__(self, take: Callable[[Source], None]) -> None:
        self.adopt = take
        self.retuned: list[tuple[Path, Tuning]] = []
        self.let_go_of: list[Path] = []

    def retune(self, path: Path, tuning: Tuning) -> None:
        self.retuned.append((path, tuning))

    def let_go(self, path: Path) -> None:
        self.let_go_of.append(path)


def knowledge(folder: Path) -> Knowledge:
    """Out of capture's folder, which is the agent's as well; what cannot be used fails the test."""
    return Knowledge(folder, folder, pytest.fail)
