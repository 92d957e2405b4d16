"""When to report and what to make of the hub's answer. Pure; times are time.monotonic, seconds.

A missing answer is told and got over: in the system this replaces, one lost answer
stopped the heartbeats for good.
"""

from __future__ import annotations

PATIENCE = 10.0  # seconds for an answer
_SLOWEST = 10  # intervals
_OK = 204
_THROTTLED = 429


class Pulse:
    """Reports every `interval`; slower while the hub says that this is too often."""

    def __init__(self, interval: float) -> None:
        self._usual = self._interval = interval
        self._slower = 1
        self._next = 0.0
        self._awaited: str | None = None
        self._sent = 0.0
        self._count = 0

    @property
    def next_at(self) -> float:
        """When something is to be done next."""
        return min(self._next, self._sent + PATIENCE) if self._awaited else self._next

    def pace(self, interval: float | None, now: float) -> None:
        """Report every `interval` from now on, or as usual if that is None; a change begins with a report."""
        wanted = self._usual if interval is None else interval
        if wanted != self._interval:
            self._interval, self._next = wanted, now

    def hurry(self, now: float) -> None:
        """Report now, unless the hub has said that this is too often."""
        if self._slower == 1:
            self._next = min(self._next, now)

    def due(self, now: float) -> bool:
        """Whether it is time to report."""
        return now >= self._next

    def sent(self, now: float) -> str:
        """A report goes out now; the request id it must bear."""
        self._count += 1
        self._awaited, self._sent = f"report-{self._count}", now
        self._next = now + self._interval * self._slower
        return self._awaited

    def answered(self, status: int, request_id: str, now: float) -> bool:
        """Take the hub's answer; whether it is the one waited for, and a yes."""
        if request_id != self._awaited:
            return False
        self._awaited = None
        self._slower = min(self._slower * 2, _SLOWEST) if status == _THROTTLED else 1
        if status == _THROTTLED:
            self._next = now + self._interval * self._slower
        return status == _OK

    def given_up(self, now: float) -> bool:
        """Whether the answer waited for has not come; said once, and no longer waited for."""
        if self._awaited is None or now - self._sent < PATIENCE:
            return False
        self._awaited = None
        return True

    @property
    def awaiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._awaited is not None
