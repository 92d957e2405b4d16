"""What is plugged in and what it is taken for, from /sys alone: one scanner however many nodes it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.capture.finding.census import Census, look_around
from pi_auto.client.capture.finding.knowledge import mute_mode
from support.hid import HONEYWELL, IBM_HAND_HELD, IBM_TABLE_TOP, KEYBOARD, NEWLAND, REM, SYMBOL_SERIAL
from support.sysfs import MOUSE, Sys


@pytest.fixture
def machine(tmp_path: Path) -> Sys:
    return Sys(tmp_path)


def around(machine: Sys) -> Census:
    return look_around(machine.sysfs, machine.devices)


def scanners(machine: Sys) -> list[tuple[str, str]]:
    """Node and id of each way to a scanner."""
    return [(str(way.node.path), way.scanner.id) for way in around(machine).scanners]


@pytest.mark.parametrize(
    ("name", "ids", "taken"),
    [
        ("Logitech USB Keyboard", "046d:c31c", False),
        ("USBKey Chip USBKey Module", "0416:c141", True),
        ("SM SM-2D PRODUCT HID KBW", "1eab:1a03", True),
        ("SM SM-2D PRODUCT CDC", "1eab:1a06", False),
        ("WIT Electron Company BARCODE SCANNER", "ffff:0001", True),
        ("Sycreader RFID Reader", "ffff:0002", True),
        ("Dell Dell Smart Card Reader Keyboard", "413c:2101", False),
        ("Cherry GmbH SmartCard Reader", "046a:0010", False),
        ("USB Bar Code Scanner Keyboard", "ffff:0003", True),
    ],
)
def test_only_a_keyboard_that_is_surely_a_scanner_is_taken(machine: Sys, name: str, ids: str, taken: bool) -> None:
    node = machine.keyboard(machine.plug_in(ids=ids), name)
    census = around(machine)
    sure, others = ([str(way.node.path) for way in ways] for ways in (census.scanners, census.keyboards))
    assert (sure, others) == (([node], []) if taken else ([], [node]))


def test_what_has_no_digits_and_no_enter_is_no_keyboard(machine: Sys) -> None:
    machine.keyboard(machine.plug_in(ids="0c2e:0b81"), "Barcode Scanner Mouse", keys=MOUSE)
    assert around(machine) == Census()


def test_the_keys_of_the_machine_itself_are_never_judged(machine: Sys) -> None:
    machine.built_in_keyboard()
    assert around(machine) == Census()


@pytest.mark.parametrize("descriptor", [HONEYWELL, NEWLAND])
def test_a_hid_pos_scanner_is_known_by_its_descriptor_whoever_made_it(machine: Sys, descriptor: bytes) -> None:
    node = machine.hidraw(machine.plug_in(maker="Nobody", name="Thing", serial="7"), descriptor)
    assert scanners(machine) == [(node, "usb-Nobody_Thing_7")]


@pytest.mark.parametrize("descriptor", [KEYBOARD, REM, b"", b"\xff" * 20, IBM_HAND_HELD])
def test_of_other_raw_hid_devices_nothing_is_read(machine: Sys, descriptor: bytes) -> None:
    machine.hidraw(machine.plug_in(), descriptor)
    assert scanners(machine) == []


def test_all_nodes_of_a_scanner_are_ways_to_one_scanner(machine: Sys) -> None:
    unit = machine.plug_in(port="1-1.4", ids="0c2e:0b6a", maker="Honeywell", name="Xenon 1900", serial="14061B")
    pos = machine.hidraw(unit, HONEYWELL, interface=1)
    machine.hidraw(unit, KEYBOARD)
    machine.hidraw(unit, REM, interface=2)
    keyboard = machine.keyboard(unit, "Honeywell Xenon 1900")
    machine.keyboard(unit, "Honeywell Xenon 1900 Mouse", keys=MOUSE, interface=3)
    line = machine.line(unit, interface=4)
    xenon = "usb-Honeywell_Xenon_1900_14061B"
    assert scanners(machine) == [(pos, xenon), (line, xenon), (keyboard, xenon)]
    (scanner,) = {way.scanner for way in around(machine).scanners}
    assert (scanner.name, scanner.port) == ("Honeywell Xenon 1900", "usb-0000:00:14.0-1.4")
    assert around(machine).keyboards == ()


def test_an_id_is_that_of_by_id_and_the_same_at_every_port(machine: Sys, tmp_path: Path) -> None:
    machine.keyboard(machine.plug_in("1-1", "0c2e:0b81", " Honey,well  Inc. ", "Scanner (2D)", "A 1"))
    elsewhere = Sys(tmp_path / "elsewhere")
    elsewhere.keyboard(elsewhere.plug_in("1-2.3", "0c2e:0b81", " Honey,well  Inc. ", "Scanner (2D)", "A 1"))
    (one,), (other,) = around(machine).scanners, around(elsewhere).scanners
    assert one.scanner.id == other.scanner.id == "usb-Honey_well_Inc._Scanner__2D__A_1"
    assert one.scanner.port != other.scanner.port


def test_two_of_one_make_without_serial_numbers_are_told_apart_by_their_ports(machine: Sys) -> None:
    machine.keyboard(machine.plug_in("1-1", "0416:c141", "Winbond", "USBKey"))
    assert [name for _, name in scanners(machine)] == ["usb-Winbond_USBKey"]
    machine.keyboard(machine.plug_in("1-2.1", "0416:c141", "Winbond", "USBKey"))
    assert [name for _, name in scanners(machine)] == [
        "usb-Winbond_USBKey@usb-0000:00:14.0-1", "usb-Winbond_USBKey@usb-0000:00:14.0-2.1",
    ]  # fmt: skip


def test_a_serial_number_that_is_garbage_is_none(machine: Sys) -> None:
    machine.keyboard(machine.plug_in("1-1", "0416:c141", "Winbond", "USBKey", "\x01\x02,"))
    assert [name for _, name in scanners(machine)] == ["usb-Winbond_USBKey"]


def test_what_a_program_or_bluetooth_has_made_is_named_by_its_serial_or_its_port(machine: Sys) -> None:
    machine.program_made(HONEYWELL, name="A", serial="00:11:22:33:44:55", port="x/input0")
    machine.program_made(HONEYWELL, name="B", port="somewhere/input1")
    assert [name for _, name in scanners(machine)] == [
        "usb-1234:5678-00:11:22:33:44:55", "usb-1234:5678-somewhere",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ids", "name", "taken"),
    [
        ("05e0:1701", "Symbol Bar Code Scanner", True),
        ("1eab:1a06", "NLS-HR22", True),
        ("0c2e:0720", "", True),  # metro-usb
        ("0581:0115", "", True),
        ("ffff:0001", "2D Barcode Scanner", True),
        ("2341:0043", "Arduino Uno", False),
        ("1546:01a7", "u-blox 7 - GPS/GNSS Receiver", False),
        ("12d1:1506", "HUAWEI Mobile modem", False),
        ("0403:6001", "FT232R USB UART", False),
        ("ffff:0002", "Smart Card Reader", False),
    ],
)
def test_of_serial_lines_those_of_scanners_alone_are_taken(machine: Sys, ids: str, name: str, taken: bool) -> None:
    node = machine.line(machine.plug_in(ids=ids, name=name))
    census = around(machine)
    sure, strange = ([str(way.node.path) for way in ways] for ways in (census.scanners, census.strangers))
    assert (sure, strange) == (([node], []) if taken else ([], [node]))


def test_symbols_serial_line_that_shows_as_raw_hid_is_taken(machine: Sys) -> None:
    node = machine.hidraw(machine.plug_in(ids="05e0:0600", maker="Symbol", name="Scanner"), SYMBOL_SERIAL)
    assert [path for path, _ in scanners(machine)] == [node]


MUTE = {
    "05e0:1300": "IBM hand-held", "05e0:1400": "IBM table-top", "05e0:1900": "SNAPI", "05e0:1901": "SNAPI",
}  # fmt: skip


@pytest.mark.parametrize("ids", MUTE)
def test_a_mode_that_cannot_scan_is_known_by_its_ids_even_without_a_node(machine: Sys, ids: str) -> None:
    machine.plug_in(ids=ids, maker="Symbol", name="Scanner")
    ((way, mute),) = around(machine).mutes
    assert MUTE[ids] in mute.said
    assert mute.do == "scan the code `HID Keyboard Emulation` (USB Device Type) in its quick start guide"
    assert way.scanner.id == "usb-Symbol_Scanner"


@pytest.mark.parametrize(("descriptor", "mode"), [(IBM_HAND_HELD, "hand-held"), (IBM_TABLE_TOP, "table-top")])
def test_ibms_modes_are_known_by_their_descriptor_whoever_made_it(
    machine: Sys, descriptor: bytes, mode: str
) -> None:
    node = machine.hidraw(machine.plug_in(ids="05f9:2205", name="Gryphon"), descriptor)
    ((way, mute),) = around(machine).mutes
    assert str(way.node.path) == node
    assert mode in mute.said
    assert "`USB Keyboard`" in mute.do


def test_a_device_in_such_a_mode_is_told_once_whatever_nodes_it_has(machine: Sys) -> None:
    unit = machine.plug_in(ids="05e0:1300")
    machine.hidraw(unit, IBM_HAND_HELD)
    machine.hidraw(unit, b"", interface=1)
    assert len(around(machine).mutes) == 1


def test_a_scanner_that_scans_is_in_no_such_mode() -> None:
    assert mute_mode("05e0:1200") is None


def test_a_device_that_vanishes_while_it_is_looked_at_is_passed_over(machine: Sys) -> None:
    unit = machine.plug_in(ids="0c2e:0b81", name="Barcode Scanner")
    for kind, name in (("input", "event7"), ("hidraw", "hidraw7"), ("tty", "ttyACM7")):
        link = machine.sysfs / "class" / kind / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(machine.sysfs / "gone")
    node = machine.keyboard(unit)
    assert [path for path, _ in scanners(machine)] == [node]


def test_on_a_machine_without_any_of_it_nothing_is_found(tmp_path: Path) -> None:
    assert look_around(tmp_path, tmp_path) == Census()
