"""Which keyboard is a scanner, what a setting means, and the numbers of the kernel's ioctls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_auto.client.capture import evdev
from pi_auto.client.capture.errors import CaptureRefused
from pi_auto.client.capture.scanners import Choice, choose, describe_scanner, find_keyboards, find_scanners
from pi_auto.client.capture.sources import DeviceSource

KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
MOUSE = "1f0000 0 0 0 0"


def plug_in(
    sysfs: Path, number: int, name: str, ids: str = "1234:5678", keys: str = KEYBOARD, bus: str = "0003"
) -> None:
    device = sysfs / f"event{number}" / "device"
    vendor, product = ids.split(":")
    for path, content in {
        "name": name, "id/bustype": bus, "id/vendor": vendor, "id/product": product, "capabilities/key": keys
    }.items():  # fmt: skip
        (device / path).parent.mkdir(parents=True, exist_ok=True)
        (device / path).write_text(content + "\n")


@pytest.mark.parametrize(
    ("name", "ids", "keys", "taken"),
    [
        ("Logitech USB Keyboard", "046d:c31c", KEYBOARD, False),
        ("AT Translated Set 2 keyboard", "0001:0001", KEYBOARD, False),
        ("USBKey Chip USBKey Module", "0416:c141", KEYBOARD, True),
        ("SM SM-2D PRODUCT HID KBW", "1eab:1a03", KEYBOARD, True),
        ("SM SM-2D PRODUCT CDC", "1eab:1a06", KEYBOARD, False),
        ("WIT Electron Company BARCODE SCANNER", "ffff:0001", KEYBOARD, True),
        ("Sycreader RFID Reader", "ffff:0002", KEYBOARD, True),
        ("Dell Dell Smart Card Reader Keyboard", "413c:2101", KEYBOARD, False),
        ("Cherry GmbH SmartCard Reader", "046a:0010", KEYBOARD, False),
        ("USB Bar Code Scanner Keyboard", "ffff:0003", KEYBOARD, True),
        ("Barcode Scanner Mouse", "0c2e:0b81", MOUSE, False),
    ],
)
def test_only_a_keyboard_that_is_surely_a_scanner_is_taken(
    tmp_path: Path, name: str, ids: str, keys: str, taken: bool
) -> None:
    plug_in(tmp_path, 3, name, ids, keys)
    found = [(device.path, device.name, device.ids) for device in find_scanners(tmp_path, Path("/dev/input"))]
    assert found == ([(Path("/dev/input/event3"), name, ids)] if taken else [])


def test_a_device_that_vanishes_while_it_is_looked_at_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "event0").mkdir()
    plug_in(tmp_path, 1, "Barcode Scanner")
    assert [device.path.name for device in find_scanners(tmp_path)] == ["event1"]


def test_settings_are_understood(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert choose("auto") == Choice()
    assert choose("replay:some/file") == Choice(recording=Path("some/file"))
    assert choose("/dev/input/not-yet-plugged-in") == Choice(device=Path("/dev/input/not-yet-plugged-in"))
    assert choose(str(tmp_path / "fifo")) == Choice(device=tmp_path / "fifo")


@pytest.mark.parametrize("spec", ["", "atuo", "replay:", "/etc/passwd", "/"])
def test_a_setting_that_can_never_be_a_scanner_is_refused_with_what_is_allowed(spec: str) -> None:
    with pytest.raises(CaptureRefused, match=r"allowed: auto"):
        choose(spec)
    assert "allowed: auto" in describe_scanner(spec)


def test_a_person_is_told_which_scanner_a_setting_means(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert describe_scanner(str(tmp_path / "fifo")) == str(tmp_path / "fifo")
    assert describe_scanner("/dev/input/event99") == "/dev/input/event99 (not plugged in)"
    assert describe_scanner("replay:/no/file") == "recording /no/file (not there)"


def test_the_ioctls_have_the_kernels_numbers() -> None:
    """As <linux/input.h> expands them on x86 and ARM."""
    assert (evdev.EVIOCGRAB, evdev.EVIOCSCLOCKID) == (0x40044590, 0x400445A0)
    assert (evdev.EVIOCSMASK, evdev.EVIOCGID) == (0x40104593, 0x80084502)
    assert evdev.request(2, 0x18, 96) == 0x80604518, "EVIOCGKEY"


def test_opening_that_fails_half_way_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(evdev, "is_fifo", lambda _: 1 / 0)
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(ZeroDivisionError):
        DeviceSource(tmp_path / "fifo")
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_character_device_that_is_no_input_device_is_refused_by_name() -> None:
    with pytest.raises(CaptureRefused, match="/dev/null is no input device"):
        evdev.open_device(Path("/dev/null"))


def test_other_keyboards_that_can_be_plugged_in_are_to_be_judged(tmp_path: Path) -> None:
    plug_in(tmp_path, 1, "AT Translated Set 2 keyboard", bus="0011")
    plug_in(tmp_path, 2, "Logitech USB Keyboard")
    plug_in(tmp_path, 3, "Honeywell Scanner", "0c2e:0b81")
    plug_in(tmp_path, 4, "Some Bluetooth Thing", bus="0005")
    plug_in(tmp_path, 5, "USB Mouse", keys=MOUSE)
    assert [found.path.name for found in find_keyboards(tmp_path)] == ["event2", "event4"]
