"""A /sys and a /dev in a folder, with USB devices plugged in as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
MOUSE = "1f0000 0 0 0 0"
_HOST = "devices/pci0000:00/0000:00:14.0/usb1"


class Sys:
    """One machine's, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.sysfs, self.devices = folder / "sys", folder / "dev"
        (self.devices / "input").mkdir(parents=True)
        self.sysfs.mkdir()
        self._numbers: dict[str, int] = {}

    def plug_in(
        self, port: str = "1-1", ids: str = "1234:5678", maker: str = "", name: str = "", serial: str = ""
    ) -> Path:
        """A USB device, such as at port `1-1.4`; what nodes it has is told by the calls below."""
        path, _, _ = port.partition(".")
        behind = [f"{path}.{port.split('.', 1)[1]}"] if "." in port else []
        folder = self.sysfs.joinpath(_HOST, path, *behind)
        vendor, product = ids.split(":")
        told = {"idVendor": vendor, "idProduct": product, "devpath": port.partition("-")[2]}
        told |= {
            file: value
            for file, value in {"manufacturer": maker, "product": name, "serial": serial}.items()
            if value
        }
        _write(folder, told)
        self._link(f"bus/usb/devices/{port}", folder)
        return folder

    def keyboard(self, unit: Path, name: str = "A Keyboard", *, keys: str = KEYBOARD, interface: int = 0) -> str:
        """An event node of a device; which."""
        hid = self._hid(unit, interface)
        number = self._number("event")
        device = hid / f"input/input{number + 10}"
        _write(device, {"name": name, "capabilities/key": keys, **_ids(unit)})
        return self._node(device, "input", f"event{number}", "input/")

    def hidraw(self, unit: Path, descriptor: bytes, *, interface: int = 0) -> str:
        """A raw HID node of a device; which."""
        hid = self._hid(unit, interface)
        (hid / "report_descriptor").write_bytes(descriptor)
        return self._node(hid, "hidraw", f"hidraw{self._number('hidraw')}")

    def line(self, unit: Path, kind: str = "ttyACM", *, interface: int = 0) -> str:
        """A serial line of a device; which."""
        folder = unit / f"{unit.name}:1.{interface}"
        folder.mkdir(exist_ok=True)
        return self._node(folder, "tty", f"{kind}{self._number(kind)}")

    def program_made(self, descriptor: bytes, *, name: str, serial: str = "", port: str = "") -> str:
        """A raw HID device of a program, as /dev/uhid makes them: on no USB port."""
        number = self._number("uhid")
        hid = self.sysfs / f"devices/virtual/misc/uhid/0003:1234:5678.{number:04X}"
        uevent = f"HID_ID=0003:00001234:00005678\nHID_NAME={name}\nHID_PHYS={port}\nHID_UNIQ={serial}"
        _write(hid, {"uevent": uevent})
        (hid / "report_descriptor").write_bytes(descriptor)
        return self._node(hid, "hidraw", f"hidraw{self._number('hidraw')}")

    def built_in_keyboard(self) -> str:
        """The keys of the machine itself."""
        number = self._number("event")
        device = self.sysfs / f"devices/platform/i8042/serio0/input/input{number}"
        ids = {"id/bustype": "0011", "id/vendor": "0001", "id/product": "0001"}
        _write(device, {"name": "AT Translated Set 2 keyboard", "capabilities/key": KEYBOARD, **ids})
        return self._node(device, "input", f"event{number}", "input/")

    def _hid(self, unit: Path, interface: int) -> Path:
        vendor, product = _told(unit, "idVendor"), _told(unit, "idProduct")
        hid = unit / f"{unit.name}:1.{interface}" / f"0003:{vendor.upper()}:{product.upper()}.000{interface}"
        _write(hid, {"uevent": f"HID_ID=0003:0000{vendor}:0000{product}\nHID_NAME=x"})
        return hid

    def _node(self, device: Path, kind: str, name: str, below: str = "") -> str:
        node = device / name if kind == "input" else device / kind / name
        node.mkdir(parents=True)
        (node / "device").symlink_to(device)
        self._link(f"class/{kind}/{name}", node)
        return str(self.devices / below / name)

    def _number(self, kind: str) -> int:
        number = self._numbers.get(kind, 0)
        self._numbers[kind] = number + 1
        return number

    def _link(self, name: str, target: Path) -> None:
        link = self.sysfs / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def _ids(unit: Path) -> dict[str, str]:
    return {"id/bustype": "0003", "id/vendor": _told(unit, "idVendor"), "id/product": _told(unit, "idProduct")}


def _told(folder: Path, file: str) -> str:
    return (folder / file).read_text().strip()


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content + "\n")
