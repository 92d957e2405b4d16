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
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pi_auto.client.uuids import new_uuid
from pi_auto.wire.scan import Stamp

Now = Callable[[], Stamp]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # <linux/timex.h>
_TIMEX_BYTES = 256  # struct timex has 208 where a long is 64 bits wide, fewer elsewhere
_STATUS_AT = 5 * struct.calcsize("@l")  # after modes (padded), offset, freq, maxerror, esterror


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
    timex = bytearray(_TIMEX_BYTES)  # modes 0: ask, change nothing
    if _adjtimex()(timex) < 0:
        return False
    status = int.from_bytes(timex[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
    return not status & _STA_UNSYNC


@cache
def _adjtimex() -> Callable[[bytearray], int]:
    """The C library's; Python has none. Loaded by the first stamp, so that scanners are opened sooner."""
    import ctypes  # noqa: PLC0415 - see above

    function = ctypes.CDLL(None).adjtimex
    return lambda timex: int(function((ctypes.c_char * len(timex)).from_buffer(timex)))


def system_clock() -> Now:
    """The clock of this machine in this boot."""
    boot = boot_id()
    return lambda: Stamp(boot, boottime_ns(), datetime.now(UTC), clock_synced())


def stamp_at(now: Stamp, moment_ns: int) -> Stamp:
    """The stamp of an earlier moment of this boot, told by its CLOCK_BOOTTIME.

    A moment that lies outside this boot so far (a virtual scanner may claim any) is drawn to its edge.
    """
    moment = min(max(moment_ns, 0), now.boottime_ns)
    age = timedelta(microseconds=(now.boottime_ns - moment) // 1000)
    return replace(now, boottime_ns=moment, wall_time=now.wall_time - age)
