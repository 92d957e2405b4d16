"""What comes from a scanner, part by part: the kernel's `struct input_event`, or bytes.

Of the kernel's events there are its bytes here, and the few constants that capture acts on.

Source: <linux/input.h>, <linux/input-event-codes.h>. Times are nanoseconds of
CLOCK_BOOTTIME here, microseconds in the kernel's bytes.
"""

from __future__ import annotations

import struct

from pi_auto.typed import NamedTuple

EV_SYN, EV_KEY, EV_MSC = 0x00, 0x01, 0x04
SYN_REPORT, SYN_DROPPED = 0, 3
MSC_SCAN = 4
RELEASED, PRESSED = 0, 1  # 2 is the kernel's auto-repeat, which no scanner means

KEY_TAB, KEY_ENTER, KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_RIGHTSHIFT = 15, 28, 29, 42, 54
KEY_LEFTALT, KEY_CAPSLOCK, KEY_NUMLOCK, KEY_SCROLLLOCK, KEY_KPENTER = 56, 58, 69, 70, 96
KEY_F12, KEY_RIGHTCTRL, KEY_RIGHTALT, KEY_LINEFEED, KEY_LEFTMETA, KEY_RIGHTMETA = 88, 97, 100, 101, 125, 126

_FORM = struct.Struct("@llHHi")
EVENT_BYTES = _FORM.size
_SECOND, _MICROSECOND = 1_000_000_000, 1_000


class InputEvent(NamedTuple("InputEvent", [("time", int), ("type", int), ("code", int), ("value", int)])):
    """One event of an input device."""

    __slots__ = ()


class Octets(NamedTuple("Octets", [("time", int), ("octets", bytes)])):
    """Bytes, from a scanner that sends bytes: one report, or whatever its serial line gave at once."""

    __slots__ = ()


class Gap(NamedTuple("Gap", [("time", int), ("reason", str)])):
    """Something may be missing here: what came before and what comes after do not belong together."""

    __slots__ = ()


Part = InputEvent | Octets | Gap


def pack_event(time: int, kind: int, code: int, value: int) -> bytes:
    """An event as a device (or a FIFO that stands for one) delivers it; `time` in nanoseconds."""
    seconds, rest = divmod(time, _SECOND)
    return _FORM.pack(seconds, rest // _MICROSECOND, kind, code, value)


class EventStream:
    """Cuts bytes, however they arrive, into events. What is left of an event waits for its rest."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, octets: bytes) -> list[InputEvent]:
        """The events that these bytes complete."""
        octets = self.rest + octets
        whole = len(octets) - len(octets) % EVENT_BYTES
        self.rest = octets[whole:]
        return [
            InputEvent(seconds * _SECOND + micro * _MICROSECOND, kind, code, value)
            for seconds, micro, kind, code, value in _FORM.iter_unpack(octets[:whole])
        ]
