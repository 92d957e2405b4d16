"""Which record the hub may be dying of. Pure; times are time.monotonic, seconds.

A hub that is down looks the same as one that closes the connection at a certain record, so
losing connections proves nothing. It only leads to a trial (see trial.py), and two trials in a
row have to say the same before the record gives way to those behind it.
"""

from __future__ import annotations

from pi_auto.wire.ids import Position

_TRIALS = 2


class Doubt:
    """Falls on a record that `losses` connections in a row, over `seconds` at least, were lost with.

    Only connections count that the hub had accepted, and on which it has acknowledged nothing.
    """

    def __init__(self, losses: int, seconds: float) -> None:
        self._most, self._seconds = losses, seconds
        self._record: Position | None = None
        self._since = 0.0
        self._losses = self._guilty = 0

    def lost(self, unanswered: Position | None, now: float) -> None:
        """A connection is lost. `unanswered` was sent first on it; None if anything on it was acknowledged."""
        if unanswered != self._record:
            self._record, self._since = unanswered, now
            self._losses = self._guilty = 0
        self._losses += 1

    def suspect(self, now: float) -> Position | None:
        """The record to be tried, if there is one."""
        return self._record if self._losses >= self._most and now - self._since >= self._seconds else None

    def convicts(self) -> bool:
        """A trial has found the suspect guilty; whether that is enough."""
        self._guilty += 1
        return self._guilty >= _TRIALS

    def patience(self) -> float:
        """Seconds to leave the hub alone at least, when it has been lost often."""
        return self._seconds / 2 if self._record and self._losses >= self._most else 0.0
