"""Whether the wall clock was set anew since a connection was made: what it was proven by may hold no more.

The dates of a certificate are held against the clock when a connection is made. Whoever was believed by one that
stood in the past, with a certificate that has run out, is to prove itself once more when it is right.
"""

from __future__ import annotations

import time

from pi_auto.client.clock import boottime_ns

LEAST = 3600 * 10**9  # nanoseconds: what is less alters nothing about certificates, which are good for months


class WallClock:
    """The wall clock as it stood when this was made."""

    def __init__(self) -> None:
        self._offset = _offset()

    def was_stepped(self) -> bool:
        """Whether it was set by an hour or more since, to either side."""
        return abs(_offset() - self._offset) >= LEAST


def _offset() -> int:
    """What the wall clock says beyond CLOCK_BOOTTIME, in nanoseconds: it changes with a step alone."""
    return time.time_ns() - boottime_ns()
