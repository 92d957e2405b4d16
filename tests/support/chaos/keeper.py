"""Stands in for systemd: starts the server and the Pi's client again whenever they have ended."""

from __future__ import annotations

from typing import Protocol

from pi_auto.simulator.program import ProgramFailed
from support.chaos.at_work import AtWork

_LOOK = 0.1  # seconds


class Kept(Protocol):
    """What can be looked after."""

    def tend(self) -> None:
        """Start again what has ended. Raises ProgramFailed where it does not get ready."""


class Keeper(AtWork):
    """`failures` are what programs said that ended before they were ready; they were tried again."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept
        self.failures: list[str] = []

    def _work(self) -> None:
        while not self._over.wait(_LOOK):
            try:
                self._kept.tend()
            except (ProgramFailed, AssertionError) as failure:
                self.failures.append(str(failure))
