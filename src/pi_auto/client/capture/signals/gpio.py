"""Lamps and a buzzer on the board's header, through the kernel's GPIO character device.

Source: <linux/gpio.h>, the second version of its interface (since 5.10). A line is asked for as an output,
held by a descriptor of its own, and dark again before it is let go. Lines are named by their BCM numbers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pi_auto.frozen import frozen

# The chips of the 40-pin header, by board. The others of a board drive its power and its radio.
HEADERS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
DEVICES = Path("/dev")

# struct gpiochip_info: name, label, lines.
CHIP_INFO = struct.Struct("=32s32sI")
# struct gpio_v2_line_request: 64 offsets, consumer, config (flags, number of attributes, padding, 10 attributes
# of 24 bytes), number of lines, size of the event buffer, padding, descriptor.
LINE_REQUEST = struct.Struct("=64I32sQI20x240xII20xi")
# struct gpio_v2_line_values: bits, mask.
LINE_VALUES = struct.Struct("=QQ")
_OUTPUT = 1 << 3  # GPIO_V2_LINE_FLAG_OUTPUT
_READ, _WRITE = 2, 1
_MAGIC = 0xB4


def request(direction: int, number: int, size: int) -> int:
    """The number of an ioctl, as _IOC(direction, 0xB4, number, size) makes it."""
    return direction << 30 | size << 16 | _MAGIC << 8 | number


GET_CHIP_INFO = request(_READ, 0x01, CHIP_INFO.size)
GET_LINE = request(_READ | _WRITE, 0x07, LINE_REQUEST.size)
SET_VALUES = request(_READ | _WRITE, 0x0F, LINE_VALUES.size)


@frozen
class Chip:
    """A GPIO chip: its node, its driver's name for it, and how many lines it has."""

    path: Path
    label: str
    lines: int


class GpioLamp:
    """What hangs on one line, for one or more roles. Every method raises OSError where it cannot be used."""

    def __init__(self, line: int, roles: Iterable[str], devices: Path = DEVICES) -> None:
        self.roles = frozenset(roles)
        self.name = f"GPIO {line} ({', '.join(sorted(self.roles))})"
        self._line, self._devices = line, devices
        self._descriptor = -1

    def open(self) -> None:
        """Take the line, dark."""
        chip = header_of(self._devices)
        descriptor = os.open(chip.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            answer = fcntl.ioctl(descriptor, GET_LINE, packed_request(self._line))
        finally:
            os.close(descriptor)
        self._descriptor = LINE_REQUEST.unpack(answer)[-1]

    def light(self, *, lit: bool) -> None:
        """Switch it."""
        fcntl.ioctl(self._descriptor, SET_VALUES, LINE_VALUES.pack(int(lit), 1))

    def close(self) -> None:
        """Leave it dark, and let the line go."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                fcntl.ioctl(descriptor, SET_VALUES, LINE_VALUES.pack(0, 1))
            os.close(descriptor)


def lamps_on(wanted: Mapping[str, int], devices: Path = DEVICES) -> list[GpioLamp]:
    """The lamps that a setting names by role; two roles may share a line."""
    return [
        GpioLamp(line, (role for role, its in wanted.items() if its == line), devices)
        for line in sorted(set(wanted.values()))
    ]


def packed_request(line: int) -> bytes:
    """The request for one line as an output; no attribute: its first value is 0, dark."""
    return LINE_REQUEST.pack(line, *[0] * 63, b"pi-auto-client", _OUTPUT, 0, 1, 0, 0)


def header_of(devices: Path = DEVICES) -> Chip:
    """The chip of the header, else that with most lines. OSError if there is none, or none may be asked."""
    found, refused = [], None
    for path in sorted(devices.glob("gpiochip*")):
        try:
            found.append(_look_at(path))
        except OSError as error:
            refused = error
    chip = choose(found)
    if chip is None:
        raise refused or OSError(errno.ENODEV, "this board has no GPIO chip", str(devices / "gpiochip0"))
    return chip


def choose(found: Sequence[Chip]) -> Chip | None:
    """The chip of the header among those that were found."""
    headers = (chip for label in HEADERS for chip in found if chip.label == label)
    return next(headers, None) or max(found, key=lambda chip: chip.lines, default=None)


def _look_at(path: Path) -> Chip:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        answer = fcntl.ioctl(descriptor, GET_CHIP_INFO, bytes(CHIP_INFO.size))
    finally:
        os.close(descriptor)
    _, label, lines = CHIP_INFO.unpack(answer)
    return Chip(path, label.split(b"\0")[0].decode(errors="replace"), lines)
