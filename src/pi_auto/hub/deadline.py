"""When a connection is over: too long silent, or its time has run out. Pure; seconds on the loop's clock."""

from __future__ import annotations

NEVER = float("inf")


class Deadline:
    """A peer was heard of `now`, and may be silent for `silence` seconds."""

    __slots__ = ("_heard", "_until", "silence")

    def __init__(self, now: float, silence: float) -> None:
        self._heard, self.silence = now, silence
        self._until = NEVER

    @property
    def at(self) -> float:
        """When it is over unless something is heard."""
        return min(self._heard + self.silence, self._until)

    def hear(self, now: float) -> None:
        """Something was heard, or would have been, had it been listened to."""
        self._heard = now

    def begin(self, now: float, silence: float, until: float = NEVER) -> None:
        """Other bounds hold from now on: this silence, and whatever is heard no longer than `until`."""
        self._heard, self.silence, self._until = now, silence, until

    def has_run_out(self, now: float) -> bool:
        """Whether it is over whatever is heard."""
        return now >= self._until
