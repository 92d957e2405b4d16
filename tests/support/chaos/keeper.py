"""Stands in for systemd: starts the server and the Pi's client again whenever they have ended."""

from __future__ import annotations

import threading
from typing import Protocol

from pi_auto.simulator.program import ProgramFailed

_LOOK = 0.1  # seconds


class Kept(Protocol):
    """What can be looked after."""

    def tend(self) -> None:
        """Start again what has ended. Raises ProgramFailed where it does not get ready."""


class Keeper:
    """`failures` are what programs said that ended before they were ready; they were tried again."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(_LOOK):
            try:
                self._kept.tend()
            except (ProgramFailed, AssertionError) as failure:
                self.failures.append(str(failure))
