"""Which scanner is meant: reads the setting, and finds keyboards that are surely scanners.

Judged from what the kernel shows under /sys without opening a device: a scanner is one whose
name says so, or whose ids are known to be one's. Other keyboards are judged by their rhythm.
"""

from __future__ import annotations

import re
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.capture.errors import CaptureRefused

SYSFS = Path("/sys/class/input")
DEVICES = Path("/dev/input")

_AUTO, _REPLAY = "auto", "replay:"
_WORDS = re.compile(r"barcode|bar code|scanner|reader", re.IGNORECASE)
# A keyboard with a card slot calls itself a reader too, and what a person types on it must never be a scan.
_NO_SCANNER = re.compile(r"^(?!.*bar ?code).*(keyboard|smart ?card|fingerprint)", re.IGNORECASE)
_KNOWN = frozenset((  # vendor:product of keyboard-type scanners that were seen; a hint, for ids are cloned
    "05e0:1200",  # Symbol, Zebra
    "0c2e:0204", "0c2e:0b81",  # Honeywell
    "0581:0107", "0581:020c",  # Tera
    "24ea:0197",  # Meva
    "04b4:bca1", "0416:c141", "ffff:0035",
))  # fmt: skip
_NEWLAND, _NEWLAND_KEYBOARD = "1eab", "03"  # its products end in the mode: 03 keyboard, 06 serial
_PLUGGABLE = frozenset(("0003", "0005"))  # BUS_USB, BUS_BLUETOOTH: never the keys of the machine itself
_NEEDED_KEYS = (*range(2, 12), 28)  # the digits and Enter
_LONG_BITS = 8 * struct.calcsize("@l")


@dataclass(frozen=True, slots=True)
class Found:
    """An input device as the kernel describes it."""

    path: Path
    name: str
    ids: str
    keys: int  # a bit for each key that it has
    bus: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a setting names: every scanner there is (neither path), one device, or a recording."""

    device: Path | None = None
    recording: Path | None = None


def choose(spec: str) -> Choice:
    """What `auto`, a device path or `replay:FILE` means. CaptureRefused if it can never be a scanner."""
    if spec == _AUTO:
        return Choice()
    if spec.startswith(_REPLAY) and spec != _REPLAY:
        return Choice(recording=Path(spec.removeprefix(_REPLAY)))
    path = Path(spec)
    if not path.is_absolute() and not path.exists():
        raise CaptureRefused(
            f"scanner is {spec!r}; allowed: auto, an existing device or its full path, replay:FILE"
        )
    if path.exists() and not _can_be_read(path):
        raise CaptureRefused(
            f"scanner is {spec!r}, which is no device; "
            "allowed: auto, /dev/input/event0 and such, a FIFO, replay:FILE"
        )
    return Choice(device=path)


def find_scanners(sysfs: Path = SYSFS, devices: Path = DEVICES) -> list[Found]:
    """The scanners that are plugged in, as far as they can be told without a doubt."""
    found = (_look(folder, devices) for folder in sorted(sysfs.glob("event*")))
    return [device for device in found if device and is_scanner(device)]


def find_keyboards(sysfs: Path = SYSFS, devices: Path = DEVICES) -> list[Found]:
    """Whatever else types digits and Enter over USB or Bluetooth: an unknown scanner, or a person's keyboard."""
    found = (_look(folder, devices) for folder in sorted(sysfs.glob("event*")))
    return [each for each in found if each and _types(each) and each.bus in _PLUGGABLE and not is_scanner(each)]


def is_scanner(device: Found) -> bool:
    """Whether a device is a keyboard (digits and Enter) that is known to be a scanner, or calls itself one."""
    if not _types(device):
        return False
    vendor, _, product = device.ids.partition(":")
    newland = vendor == _NEWLAND and product.endswith(_NEWLAND_KEYBOARD)
    named = _WORDS.search(device.name) and not _NO_SCANNER.search(device.name)
    return newland or device.ids in _KNOWN or bool(named)


def _types(device: Found) -> bool:
    return all(device.keys >> key & 1 for key in _NEEDED_KEYS)


def describe_scanner(spec: str) -> str:
    """One line for a person about the scanner that a setting names; never fails."""
    try:
        choice = choose(spec)
    except CaptureRefused as error:
        return str(error)
    if choice.recording:
        return f"recording {choice.recording}" + ("" if choice.recording.is_file() else " (not there)")
    if choice.device:
        return f"{choice.device}" + ("" if choice.device.exists() else " (not plugged in)")
    found = [f"{device.name} ({device.ids}) at {device.path}" for device in find_scanners()]
    return ", ".join(found) or "none found; looking for one"


def _can_be_read(path: Path) -> bool:
    mode = path.stat().st_mode
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _look(folder: Path, devices: Path) -> Found | None:
    """What /sys says of a device; None if it is being unplugged just now."""
    try:
        bus, vendor, product = (_read(folder, f"id/{part}") for part in ("bustype", "vendor", "product"))
        name, keys = _read(folder, "name"), _read(folder, "capabilities/key")
        return Found(devices / folder.name, name, f"{vendor}:{product}", _bits(keys), bus)
    except (OSError, ValueError):
        return None


def _read(folder: Path, name: str) -> str:
    return (folder / "device" / name).read_text(encoding="utf-8", errors="replace").strip()


def _bits(words: str) -> int:
    """The kernel's bitmap: hex words of a long each, the lowest last."""
    bits = 0
    for word in words.split():
        bits = bits << _LONG_BITS | int(word, 16)
    return bits
