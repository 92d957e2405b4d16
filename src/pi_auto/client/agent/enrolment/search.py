"""When to ask the server again where the hub is, after it could not be reached for long. Pure.

A hub that has moved is found so without a restart. Seldom, and spread: a whole fleet loses
its hub in the same second, and while it is only down the answer is the same as before.
"""

from __future__ import annotations

from random import Random

FIRST, LONGEST = 120.0, 3600.0  # seconds; the pauses double in between
_SPREAD = (0.75, 1.5)
_NEVER = float("inf")


class Search:
    """The moments to ask at. Times are time.monotonic, seconds; chance is handed in."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._lost_since: float | None = None
        self._pause = FIRST
        self._at = _NEVER

    def due(self, lost_since: float | None) -> float:
        """When to ask next, the hub being out of reach since then; never if it is not."""
        if lost_since != self._lost_since:
            self._lost_since, self._pause = lost_since, FIRST
            self._at = _NEVER if lost_since is None else lost_since + self._next_pause()
        return self._at

    def asked(self, now: float) -> None:
        """The server was asked, whatever came of it."""
        self._at = now + self._next_pause()

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST)
        return min(pause * self._rng.uniform(*_SPREAD), LONGEST * self._rng.uniform(_SPREAD[0], 1.0))
