"""The device nodes that may be a scanner's: keyboards, raw HID devices, serial lines over USB.

Read from /sys alone; a device that is being unplugged just now is left out.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pi_auto.client.capture.finding.units import Unit, read, unit_of, usb_unit
from pi_auto.frozen import frozen

SYSFS, DEVICES = Path("/sys"), Path("/dev")
_NEEDED_KEYS = (*range(2, 12), 28)  # the digits and Enter
_LONG_BITS = 8 * struct.calcsize("@l")
_MOST_DESCRIPTOR = 8192


class Kind(StrEnum):
    """How a device speaks."""

    KEYBOARD = "keyboard"
    HIDRAW = "hidraw"
    SERIAL = "serial"


@frozen
class Node:
    """One way to read a unit. `name` is the device's own, which may say more than the unit's."""

    path: Path
    kind: Kind
    unit: Unit
    name: str = ""
    descriptor: bytes = b""  # of HIDRAW


def nodes(sysfs: Path = SYSFS, devices: Path = DEVICES) -> list[Node]:
    """All there are; of input devices those alone that type digits and Enter."""
    return [node for find in (_keyboards, _hidraws, _lines) for node in find(sysfs, devices)]


def usb_units(sysfs: Path = SYSFS) -> list[Unit]:
    """Every USB device, with a node or without."""
    folders = sorted((sysfs / "bus/usb/devices").glob("*"))
    return [usb_unit(folder) for folder in folders if (folder / "idVendor").is_file()]


def kind_of(path: Path, sysfs: Path = SYSFS) -> tuple[Kind, Path] | None:
    """What a character device is, and where it stands under /sys; None if it is none of these."""
    number = path.stat().st_rdev
    folder = sysfs / f"dev/char/{os.major(number)}:{os.minor(number)}"
    subsystem = (folder / "subsystem").resolve().name
    kind = {"input": Kind.KEYBOARD, "hidraw": Kind.HIDRAW, "tty": Kind.SERIAL}.get(subsystem)
    return (kind, folder) if kind else None


def node_at(path: Path, sysfs: Path = SYSFS) -> Node | None:
    """The node of a device that a person has named, if /sys knows it. Raises OSError."""
    found = kind_of(path, sysfs)
    if found is None:
        return None
    kind, folder = found
    descriptor = _descriptor(folder) if kind is Kind.HIDRAW else b""
    return Node(path, kind, unit_of(folder), read(folder / "device/name"), descriptor)


def _keyboards(sysfs: Path, devices: Path) -> Iterator[Node]:
    for folder in sorted((sysfs / "class/input").glob("event*")):
        try:
            keys = _bits((folder / "device/capabilities/key").read_text())
            name = (folder / "device/name").read_text(encoding="utf-8", errors="replace").strip()
            if all(keys >> key & 1 for key in _NEEDED_KEYS):
                yield Node(devices / "input" / folder.name, Kind.KEYBOARD, unit_of(folder), name)
        except (OSError, ValueError):
            continue


def _hidraws(sysfs: Path, devices: Path) -> Iterator[Node]:
    for folder in sorted((sysfs / "class/hidraw").glob("hidraw*")):
        try:
            yield Node(devices / folder.name, Kind.HIDRAW, unit_of(folder), descriptor=_descriptor(folder))
        except OSError:
            continue


def _lines(sysfs: Path, devices: Path) -> Iterator[Node]:
    for folder in sorted((sysfs / "class/tty").glob("tty[AU][CS][MB]*")):
        try:
            yield Node(devices / folder.name, Kind.SERIAL, unit_of(folder))
        except OSError:
            continue


def _descriptor(folder: Path) -> bytes:
    with (folder / "device/report_descriptor").open("rb") as file:
        return file.read(_MOST_DESCRIPTOR)


def _bits(words: str) -> int:
    """The kernel's bitmap: hex words of a long each, the lowest last."""
    bits = 0
    for word in words.split():
        bits = bits << _LONG_BITS | int(word, 16)
    return bits
