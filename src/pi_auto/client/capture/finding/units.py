"""Which thing with a plug a device node belongs to, and how it is named so that the name stays.

A scanner may have a keyboard, a raw HID device, a serial line and a mouse: one unit. Its id is made of
what udev makes /dev/*/by-id of, so that it outlives other ports and other numbers, and does not wait for udev.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pi_auto.frozen import frozen
from pi_auto.wire.scan import Scanner

MOST_TEXT = 256  # as the wire takes it
_AT = "@"  # between a name and the port that tells it from another one of that name
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z#+\-.:=@_]")
_BLUETOOTH = "0005"


@frozen
class Unit:
    """One thing with a plug. `key` is the same for all its nodes; `ids` are vendor:product."""

    key: str
    ids: str
    id: str
    name: str
    port: str
    bus: str = "0003"  # as the kernel numbers buses: USB 0003, Bluetooth 0005

    def scanner(self, *, with_port: bool = False) -> Scanner:
        """It as the source of scans; with its port in its id where another one has the same id."""
        name = f"{self.id}{_AT}{_as_udev_has_it(self.port)}" if with_port else self.id
        return Scanner(text(name), text(self.name), text(self.port))


def unit_of(folder: Path) -> Unit:
    """Whose a device node is, by where it stands: such as /sys/class/input/event3. Raises OSError."""
    place = folder.resolve(strict=True)
    hid = None
    for above in (place, *place.parents):
        if (above / "idVendor").is_file():
            return usb_unit(above)
        if hid is None and "HID_ID=" in read(above / "uevent"):
            hid = above
    return _hid_unit(hid) if hid else _input_unit(folder)


def usb_unit(folder: Path) -> Unit:
    """The unit of a USB device, such as /sys/bus/usb/devices/1-1.4."""
    vendor, product, maker, name, serial, path = (
        read(folder / file) for file in ("idVendor", "idProduct", "manufacturer", "product", "serial", "devpath")
    )
    above = folder.resolve().parents
    host = above[min(path.count(".") + 1, len(above) - 1)].name  # the controller, behind hubs and root hub
    parts = [maker or vendor, name or product, *([serial] if _is_serial(serial) else [])]
    return Unit(
        key=str(folder.resolve()),
        ids=f"{vendor}:{product}",
        id=f"usb-{'_'.join(map(_as_udev_has_it, parts))}",
        name=name if name.startswith(maker) else f"{maker} {name}",
        port=f"usb-{host}-{path}",
    )


def same_ids(units: Iterable[Unit]) -> frozenset[str]:
    """The ids that more than one unit has: such as two of one make without serial numbers."""
    keys: dict[str, set[str]] = {}
    for unit in units:
        keys.setdefault(unit.id, set()).add(unit.key)
    return frozenset(name for name, found in keys.items() if len(found) > 1)


def without_port(scanner_id: str) -> str | None:
    """The id that a scanner had while no other one of its name was plugged in; None for one without a port."""
    return scanner_id.rpartition(_AT)[0] or None


def read(file: Path) -> str:
    """What the kernel says in a file; empty if it does not, or no longer."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def text(value: str | Path) -> str:
    """A name as the wire takes it: valid Unicode, bounded."""
    return str(value).encode("utf-8", "replace").decode()[:MOST_TEXT]


def _hid_unit(folder: Path) -> Unit:
    """A HID device on no USB port: by Bluetooth, or made by a program."""
    told = dict(line.split("=", 1) for line in read(folder / "uevent").splitlines() if "=" in line)
    bus, vendor, product = [*told.get("HID_ID", "").split(":"), "", ""][:3]
    port = told.get("HID_PHYS", "").partition("/input")[0]
    return _unit(
        bus,
        f"{vendor[-4:]}:{product[-4:]}".lower(),
        told.get("HID_NAME", ""),
        told.get("HID_UNIQ", ""),
        port,
        folder,
    )


def _input_unit(folder: Path) -> Unit:
    device = folder / "device"
    bus, vendor, product, name, serial, port = (
        read(device / file) for file in ("id/bustype", "id/vendor", "id/product", "name", "uniq", "phys")
    )
    return _unit(bus, f"{vendor}:{product}", name, serial, port.partition("/input")[0], device)


def _unit(bus: str, ids: str, name: str, serial: str, port: str, folder: Path) -> Unit:
    start = "bluetooth" if bus == _BLUETOOTH else "usb"
    own = serial or port or name
    return Unit(own or str(folder.resolve()), ids, f"{start}-{ids}-{_as_udev_has_it(own)}", name, port, bus)


def _is_serial(serial: str) -> bool:
    """As udev judges: others are garbage out of an empty memory."""
    return bool(serial) and all(" " <= char <= "~" and char != "," for char in serial)


def _as_udev_has_it(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", "_".join(name.split()))
