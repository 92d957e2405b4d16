"""What time it is, in all the ways a record is stamped with, and how far each is to be trusted.

A Pi has no clock chip: the wall clock may say 1970 until the network sets it, so every
stamp carries the boot and CLOCK_BOOTTIME (which never steps) beside it. Whoever needs the
time is handed `now`, so that a test can hand in its own.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pi_auto.client.uuids import new_uuid
from pi_auto.frozen import frozen
from pi_auto.wire.scan import Stamp

Now = Callable[[], Stamp]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # <linux/timex.h>
_TIMEX_BYTES = 256  # struct timex has 208 where a long is 64 bits wide, fewer elsewhere
_LONG = struct.calcsize("@l")
_ERROR_AT, _STATUS_AT = 3 * _LONG, 5 * _LONG  # after modes (padded), offset, freq: maxerror, esterror, status
_MOST_TRIES = 5


@frozen
class ClockReading:
    """All clocks of a machine at one moment: wall time (ns since 1970) is CLOCK_BOOTTIME + `offset_ns`.

    The offset changes only when the wall clock is stepped. `error_ms` is the kernel's own bound of it.
    """

    boot_id: str
    boottime_ns: int
    offset_ns: int
    synced: bool
    error_ms: int


def boottime_ns() -> int:
    """Nanoseconds since boot, sleep included: the clock that key events are stamped with."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The UUID of this boot; one made up for this process where the kernel names none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return new_uuid()


def clock_synced() -> bool:
    """Whether the kernel believes that the wall clock has been set from the network; False if it cannot say."""
    return _trust()[0]


def read_clock() -> ClockReading:
    """Read this machine's clocks, as nearly at one moment as can be."""
    synced, error_ms = _trust()
    boottime, offset = min((_look() for _ in range(_MOST_TRIES)), key=lambda look: look[0])[1:]
    return ClockReading(boot_id(), boottime, offset, synced and clock_synced(), error_ms)


def _look() -> tuple[int, int, int]:
    """How long it took to read both clocks, CLOCK_BOOTTIME, and the offset, in nanoseconds."""
    before, wall, after = boottime_ns(), time.time_ns(), boottime_ns()
    return after - before, after, wall - (before + after) // 2


def _trust() -> tuple[bool, int]:
    """Whether the wall clock was set, and the most milliseconds that the kernel believes it to be off."""
    timex = _adjtimex()()
    if timex is None:
        return False, 0
    status = int.from_bytes(timex[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
    error_us = int.from_bytes(timex[_ERROR_AT : _ERROR_AT + _LONG], sys.byteorder)
    return not status & _STA_UNSYNC, error_us // 1000


@cache
def _adjtimex() -> Callable[[], bytes | None]:
    """The C library's; Python has none. Loaded by the first stamp, so that scanners are opened sooner."""
    import ctypes  # noqa: PLC0415 - see above

    function, form = ctypes.CDLL(None).adjtimex, ctypes.c_char * _TIMEX_BYTES

    def ask() -> bytes | None:
        timex = form()  # zeros, and of these the modes say: ask, change nothing
        return None if function(timex) < 0 else timex.raw

    return ask


def system_clock() -> Now:
    """The clock of this machine in this boot."""
    boot = boot_id()

    def now() -> Stamp:
        synced = clock_synced()  # asked first: a clock that is set just now must not vouch for the time before
        return Stamp(boot, boottime_ns(), datetime.now(UTC), synced)

    return now


def stamp_at(now: Stamp, moment_ns: int) -> Stamp:
    """The stamp of an earlier moment of this boot, told by its CLOCK_BOOTTIME.

    A moment that lies outside this boot so far (a virtual scanner may claim any) is drawn to its edge.
    """
    moment = min(max(moment_ns, 0), now.boottime_ns)
    age = timedelta(microseconds=(now.boottime_ns - moment) // 1000)
    return Stamp(now.boot_id, moment, now.wall_time - age, now.synced)
