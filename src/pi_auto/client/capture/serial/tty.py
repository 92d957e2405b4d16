"""Opens a serial line raw, for this process alone, and reads how many of its characters were spoilt.

A USB scanner takes no notice of speed and form; behind an adapter a scanner does. What is chosen is
8N1 at 9600 baud for adapters, which is what most RS-232 scanners are delivered with. Source: termios(3).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
from contextlib import suppress
from pathlib import Path

_COUNTS = struct.Struct("@11i9i")  # struct serial_icounter_struct of <linux/serial.h>
_FAULTS = (6, 7, 8, 10)  # frame, overrun, parity, buf_overrun; a break comes of plugging in
_TIOCGICOUNT = 0x545D
_SPEED = termios.B9600


def open_line(path: Path) -> int:
    """A non-blocking descriptor of a serial line, raw, with what lay in it thrown away. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, termios.TIOCEXCL)  # two readers would get half of a code each
        _make_raw(descriptor)
        termios.tcflush(descriptor, termios.TCIFLUSH)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(*error.args) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def faults_of(descriptor: int) -> tuple[int, ...] | None:
    """How many characters were spoilt or dropped so far, by kind; None where the driver does not count them."""
    with suppress(OSError):
        counts = _COUNTS.unpack(fcntl.ioctl(descriptor, _TIOCGICOUNT, bytes(_COUNTS.size)))
        return tuple(counts[place] for place in _FAULTS)
    return None


def read_line(descriptor: int, most: int) -> bytes:
    """What waits. Raises BlockingIOError if nothing does, OSError if the scanner has gone."""
    octets = os.read(descriptor, most)
    if not octets:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))  # hung up
    return octets


def _make_raw(descriptor: int) -> None:
    """Every byte as it comes, none sent back; and nothing of it changes the line when it is closed."""
    form = termios.tcgetattr(descriptor)
    form[0] = termios.IGNBRK | termios.IGNPAR
    form[1] = 0
    form[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
    form[3] = 0
    form[4] = form[5] = _SPEED
    form[6][termios.VMIN], form[6][termios.VTIME] = 1, 0  # so that an empty answer means: hung up
    termios.tcsetattr(descriptor, termios.TCSANOW, form)
