"""The kernel's interface to input devices, by the standard library alone: names, ids, bits, and how to open one.

Source: <linux/input.h>, <asm-generic/ioctl.h>. python-evdev is sdist-only and lacks EVIOCSMASK.
A FIFO that carries the same bytes is opened the same way, so that a scanner can be simulated.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import time
from array import array
from contextlib import suppress
from pathlib import Path

from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.events import EV_MSC

_WRITE, _READ = 1, 2
_EVENT_TYPES = range(0x01, 0x20)
_KEY_BYTES = 96  # KEY_CNT is 0x300 bits; other types have fewer


def request(direction: int, number: int, size: int) -> int:
    """The number of an ioctl of the input subsystem, as `_IOC(direction, 'E', number, size)` makes it."""
    return direction << 30 | size << 16 | ord("E") << 8 | number


EVIOCGID = request(_READ, 0x02, 8)
EVIOCGRAB = request(_WRITE, 0x90, 4)
EVIOCSCLOCKID = request(_WRITE, 0xA0, 4)
EVIOCSMASK = request(_WRITE, 0x93, 16)
_NAME, _PHYS, _UNIQ, _PROPERTIES, _KEYS, _LEDS, _BITS = 0x06, 0x07, 0x08, 0x09, 0x18, 0x19, 0x20
_NUM, _CAPS = 0, 1  # LED_NUML, LED_CAPSL


def open_device(path: Path, *, mask_msc: bool = True) -> int:
    """A non-blocking descriptor of a scanner's event node, grabbed and stamping with CLOCK_BOOTTIME, or of a FIFO.

    Raises CaptureRefused if the path can never be a scanner; OSError if a retry may help.
    """
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # both ways: end of file never comes
    if not stat.S_ISCHR(mode):
        raise CaptureRefused(
            f"{path} is no scanner; allowed: an input device such as /dev/input/event0, or a FIFO"
        )
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _take(path, descriptor, mask_msc=mask_msc)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_fifo(descriptor: int) -> bool:
    """Whether a descriptor stands for a simulated scanner, which answers no ioctl."""
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def name_of(descriptor: int) -> str:
    """The device's own name, such as `Honeywell Scanner`."""
    return text_of(descriptor, _NAME)


def port_of(descriptor: int) -> str:
    """The place it is plugged into, such as `usb-0000:00:14.0-2/input0`."""
    return text_of(descriptor, _PHYS)


def serial_of(descriptor: int) -> str:
    """Its serial number; most scanners tell none."""
    return text_of(descriptor, _UNIQ)


def ids_of(descriptor: int) -> tuple[int, int, int, int]:
    """Bus, vendor, product and version."""
    bus, vendor, product, version = struct.unpack("@HHHH", fcntl.ioctl(descriptor, EVIOCGID, bytes(8)))
    return bus, vendor, product, version


def properties_of(descriptor: int) -> bytes:
    """INPUT_PROP_*, a bit each."""
    return _bytes(descriptor, _PROPERTIES, 8)


def bits_of(descriptor: int) -> dict[int, bytes]:
    """Which events it can send: for each type that it has, a bit for each code."""
    kinds = {kind: _bytes(descriptor, _BITS + kind, _KEY_BYTES) for kind in _EVENT_TYPES}
    return {kind: bits for kind, bits in kinds.items() if any(bits)}


def held_keys(descriptor: int) -> frozenset[int]:
    """The keys that are down; none at a FIFO. The kernel forgets the key events that nobody has read yet."""
    bits = int.from_bytes(_bytes(descriptor, _KEYS, _KEY_BYTES), "little")
    return frozenset(key for key in range(bits.bit_length()) if bits >> key & 1)


def locks_of(path: Path) -> tuple[bool, bool]:
    """Whether Caps Lock and Num Lock are lit; neither at a FIFO, or where it cannot be told.

    Asked by a descriptor of its own: who reads the keys has a queue that no question must touch.
    """
    if not stat.S_ISCHR(path.stat().st_mode):
        return False, False
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        lit = int.from_bytes(_bytes(descriptor, _LEDS, 8), "little")
    finally:
        os.close(descriptor)
    return bool(lit >> _CAPS & 1), bool(lit >> _NUM & 1)


def text_of(descriptor: int, number: int) -> str:
    """A text that the kernel keeps of a device; empty if it keeps none."""
    return _bytes(descriptor, number, 256).split(b"\0", 1)[0].decode("utf-8", "replace")


def _bytes(descriptor: int, number: int, size: int) -> bytes:
    try:
        return fcntl.ioctl(descriptor, request(_READ, number, size), bytes(size))
    except OSError:
        return b""


def _take(path: Path, descriptor: int, *, mask_msc: bool) -> None:
    try:
        fcntl.ioctl(descriptor, EVIOCSCLOCKID, struct.pack("@i", time.CLOCK_BOOTTIME))
    except OSError as error:
        raise CaptureRefused(
            f"{path} is no input device ({error.strerror}); "
            "allowed: /dev/input/event0, /dev/hidraw0, /dev/ttyACM0 and such"
        ) from error
    if mask_msc:
        _mask_msc(descriptor)
    fcntl.ioctl(descriptor, EVIOCGRAB, 1)  # nothing that is scanned may be typed into a login console


def _mask_msc(descriptor: int) -> None:
    """Leave MSC_SCAN out of the kernel's queue of 64 events: nearly twice as many keys fit."""
    none = array("Q", [0])  # the kernel takes multiples of a long
    address, _ = none.buffer_info()
    with suppress(OSError):  # before Linux 4.4
        fcntl.ioctl(descriptor, EVIOCSMASK, struct.pack("@IIQ", EV_MSC, none.itemsize, address))
