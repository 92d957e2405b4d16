"""What the checks see of a machine, read from files as the kernel shows them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pi_auto.client.clock import system_clock
from pi_auto.client.doctor.checks import (
    disk,
    installation,
    permissions,
    queue,
    registration,
    scanner,
    services,
    settings,
    signals,
    temperature,
    undervoltage,
    watchdog,
)
from pi_auto.client.doctor.findings import State
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.settings import DEFAULT_STATE
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.marks import Marks
from pi_auto.wire.ids import Position
from support.patients import DEVICE, Device
from support.records import START
from support.stored import StoredScans

HWMON = "/sys/class/hwmon/hwmon1"


FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled"


KEYBOARD = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, (None, None)),
        ({f"{HWMON}/name": "cpu_thermal\n"}, (None, None)),
        ({f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "0\n"}, (False, None)),
        ({f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "1\n"}, (True, None)),
        ({FIRMWARE: "50005\n"}, (True, True)),
        ({FIRMWARE: "0x50000\n"}, (False, True)),
        ({FIRMWARE: "0\n"}, (False, False)),
        ({f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "1\n", FIRMWARE: "0\n"}, (True, False)),
        ({f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "\n"}, (None, None)),
        ({f"{HWMON}/name": "rpi_volt\n", FIRMWARE: "0\n"}, (False, False)),
        ({f"{HWMON}/name": "café\n", FIRMWARE: "0\n"}, (False, False)),
    ],
)
def test_the_voltage_is_read_from_the_kernel_and_the_firmware(
    device: Device, files: dict[str, str], seen: tuple[bool | None, bool | None]
) -> None:
    device.show(files)
    assert undervoltage.probe(device.patient) == undervoltage.Facts(*seen)


def test_the_warmest_place_counts_and_one_that_tells_nothing_does_not(device: Device) -> None:
    zone = "/sys/class/thermal/thermal_zone"
    device.show(
        {f"{zone}0/temp": "48312\n", f"{zone}1/temp": "61000\n", f"{zone}2/temp": "\n", FIRMWARE: "80008\n"}
    )
    assert temperature.probe(device.patient) == temperature.Facts(61.0, slowed=True, was_slowed=True)


def test_a_thermometer_that_is_broken_makes_nothing_too_hot(device: Device) -> None:
    zone = "/sys/class/thermal/thermal_zone"
    device.show({f"{zone}0/temp": "48312\n", f"{zone}1/temp": "2147483647\n"})
    assert temperature.look(device.patient).state is State.OK


@pytest.mark.parametrize(("state", "armed"), [("active\n", True), ("inactive\n", False), (None, None)])
def test_a_watchdog_is_armed_or_not_or_does_not_tell(
    device: Device, state: str | None, armed: bool | None
) -> None:
    folder = "/sys/class/watchdog/watchdog0"
    device.show(
        {f"{folder}/identity": "Broadcom BCM2835 Watchdog timer\n"} | ({f"{folder}/state": state} if state else {})
    )
    assert watchdog.probe(device.patient).watchdogs == (
        watchdog.Watchdog("Broadcom BCM2835 Watchdog timer", armed),
    )


def test_a_card_that_cannot_even_be_looked_at_leaves_the_settings_checked(device: Device) -> None:
    device.settings = replace(device.settings, fleet_card=Path("/" + "c" * 300))
    assert settings.look(device.patient).state is State.OK


def test_a_settings_file_that_the_services_cannot_read_is_told_as_that(device: Device) -> None:
    trouble = f"{device.file}: cannot be read: Is a directory"
    device.file.unlink()
    device.file.mkdir()
    patient = Patient.admit(device.file, {"state": str(device.state)})
    assert settings.look(patient).what == trouble


def test_a_broken_settings_file_is_told_with_what_goes_on(device: Device) -> None:
    (device.state / "agent/settings.json").write_text(device.file.read_text())
    device.file.write_text("{")
    patient = Patient.admit(device.file, {"state": str(device.state)})
    assert patient.settings.server_url == device.settings.server_url
    assert "is not JSON" in settings.probe(patient).trouble


def test_settings_that_mean_nothing_and_settings_that_are_not_yet_used(device: Device) -> None:
    (device.state / "agent/settings.json").write_text(device.file.read_text())
    assert settings.look(device.patient).state is State.OK
    device.file.write_text(json.dumps({"server_url": "http://127.0.0.1:2", "sever_adress": "x"}))
    facts = settings.probe(device.patient)
    assert (facts.unknown, facts.is_news) == (("sever_adress",), True)


def test_without_a_server_in_the_settings_it_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text("{}")
    assert settings.look(Patient.admit(file, {})).what == f"{file} names no server"


def test_what_capture_tells_of_scanners(device: Device) -> None:
    def seen(name: str, standing: str) -> dict[str, str]:
        return {"id": "usb-x", "name": name, "port": "usb-1", "path": f"/dev/input/{name}", "standing": standing}

    device.capture_posts(
        scanners=[seen("a", "scanner"), seen("b", "unjudged"), seen("c", "person")],
        troubles={"/dev/input/d": "cannot be opened"},
    )
    assert scanner.probe(device.patient) == scanner.Facts(
        True, ("a at usb-1 (/dev/input/a)",), ("b at usb-1 (/dev/input/b)",), ("c at usb-1 (/dev/input/c)",),
        {"/dev/input/d": "cannot be opened"},
    )  # fmt: skip


def test_a_scanner_that_cannot_scan_as_it_is_set_is_told_with_what_to_do(device: Device) -> None:
    told = {"id": "usb-x", "port": "usb-1", "path": "/dev/hidraw0"}
    device.capture_posts(
        scanners=[
            told | {"name": "DS9208", "standing": "mute", "said": "is set to SNAPI", "do": "scan the code"},
            told | {"name": "FT232R", "standing": "unknown", "path": "/dev/ttyUSB0"},
        ],
        troubles={},
    )
    facts = scanner.probe(device.patient)
    assert facts.mute == {"DS9208 at usb-1 (/dev/hidraw0) is set to SNAPI": "scan the code"}
    assert facts.unknown == ("FT232R at usb-1 (/dev/ttyUSB0)",)


def test_a_capture_that_does_not_run_tells_nothing(device: Device) -> None:
    assert not scanner.probe(device.patient).tells
    assert signals.probe(device.patient) == signals.Facts()


def test_what_capture_tells_of_its_lamps(device: Device) -> None:
    device.capture_posts(signals={"ok": False, "said": "GPIO 17 (stored): Permission denied"})
    assert signals.probe(device.patient) == signals.Facts(False, "GPIO 17 (stored): Permission denied")


def test_a_scanner_in_a_mode_that_types_nothing_is_recognised_by_its_maker(device: Device) -> None:
    def usb(name: str, vendor: str, kind: tuple[str, str, str]) -> dict[str, str]:
        folder, (main, sub, protocol) = f"/sys/bus/usb/devices/{name}", kind
        return {
            f"{folder}/idVendor": f"{vendor}\n", f"{folder}/idProduct": "0b6a\n", f"{folder}/product": "MS7580\n",
            f"{folder}/{name}:1.0/bInterfaceClass": f"{main}\n",
            f"{folder}/{name}:1.0/bInterfaceSubClass": f"{sub}\n",
            f"{folder}/{name}:1.0/bInterfaceProtocol": f"{protocol}\n",
        }  # fmt: skip

    device.show(usb("1-1", "0c2e", ("02", "02", "01")) | usb("1-2", "0c2e", ("03", "01", "01")))
    device.show(usb("1-3", "046d", ("02", "02", "01")))
    assert scanner.probe(device.patient).in_another_mode == ("MS7580 of Honeywell/Metrologic (0c2e:0b6a)",)


def test_registered_and_what_the_agent_heard(device: Device) -> None:
    assert registration.probe(device.patient) == registration.Facts(device.settings.server_url)
    device.register()
    device.agent_posts(server={"ok": False, "said": "no network"})
    facts = registration.probe(device.patient)
    assert (facts.device_id, facts.since) == (DEVICE, "2026-11-23T12:00:00.000Z")
    assert (facts.answers, facts.said) == (False, "no network")


def test_how_much_waits_for_which_way_and_since_when(device: Device) -> None:
    device.register()
    scans, stepped = StoredScans(device.state), replace(system_clock()(), wall_time=START)
    (first, _) = scans.scan_at(stepped, "one", "two")
    marks = Marks(device.state / "agent/marks.sqlite")
    marks.advance(API, Position(first.position.spool, 1))
    facts = queue.probe(device.patient)
    assert [(each.destination, each.count) for each in facts.waiting] == [("api", 1), ("hub", 2)]
    assert all(each.age < 60 for each in facts.waiting)
    marks.close()
    scans.close()


def test_a_hub_that_is_switched_off_is_waited_for_by_nobody(device: Device) -> None:
    device.register(with_hub=False)
    StoredScans(device.state).close()
    assert [each.destination for each in queue.probe(device.patient).waiting] == ["api"]


def test_a_spool_that_is_none_and_a_disk_that_takes_nothing(device: Device) -> None:
    (device.state / "capture/spool.sqlite").write_bytes(b"rubbish" * 1000)
    device.capture_posts(storing={"ok": False, "said": "database or disk is full"})
    facts = queue.probe(device.patient)
    assert "cannot be read" in facts.unreadable
    assert facts.not_storing == "database or disk is full"


def test_each_file_system_is_told_once(device: Device) -> None:
    device.show({"/opt/x": "", "/var/log/x": ""})
    (only,) = disk.probe(device.patient).disks
    assert only.free > 0
    assert not only.read_only


class TestPermissions:
    @pytest.fixture
    def installed(self, device: Device) -> Device:
        """As installed, but by the user of these tests; its release has one file."""
        user = permissions.Seen.at(device.state)
        whose = f"{user.owner} {user.group}"
        rules = f"# comment\nd {DEFAULT_STATE} 0755 {whose}\nd {DEFAULT_STATE}/agent 2710 {whose}\n"
        device.show({"/etc/tmpfiles.d/pi-auto-client.conf": rules})
        device.show({"/opt/pi-auto-client/releases/1/app/x.py": "pass\n"})
        (device.root / "opt/pi-auto-client/current").symlink_to("releases/1")
        folder = device.root / str(DEFAULT_STATE / "agent").lstrip("/")
        folder.mkdir(parents=True)
        folder.chmod(0o2710)
        return device

    def seen(self, device: Device) -> permissions.Facts:
        """What is seen of it where it is no trial in somebody's folder."""
        patient = device.patient
        return permissions.probe(replace(patient, settings=replace(patient.settings, state=DEFAULT_STATE)))

    def test_folders_are_as_the_installed_rules_say(self, installed: Device) -> None:
        facts = self.seen(installed)
        assert [(wanted.mode, seen and seen.mode) for wanted, seen in facts.rules] == [
            (0o755, 0o755),
            (0o2710, 0o2710),
        ]
        (installed.root / "var/lib/pi-auto-client/agent").chmod(0o777)
        assert (
            permissions._of_rules(self.seen(installed))
            .__next__()
            .what.startswith(f"{DEFAULT_STATE}/agent is 0777")
        )

    def test_a_folder_that_is_missing_is_missed(self, installed: Device) -> None:
        (installed.root / "var/lib/pi-auto-client/agent").rmdir()
        assert self.seen(installed).rules[1][1] is None

    def test_code_that_others_can_write_is_seen(self, installed: Device) -> None:
        file = installed.root / "opt/pi-auto-client/releases/1/app/x.py"
        file.chmod(0o666)
        assert [seen.mode for seen in self.seen(installed).code if seen.path == str(file)] == [0o666]

    def test_secrets_that_others_can_read_are_seen_also_by_hand(self, device: Device) -> None:
        device.register()
        assert permissions.look(device.patient).state is State.OK
        (device.state / "agent/registration.json").chmod(0o644)
        assert "chmod 0600" in permissions.look(device.patient).remedy

    def test_only_plugged_in_keyboards_are_captures(self, installed: Device) -> None:
        for number, (bus, keys) in enumerate(
            [("0003", KEYBOARD), ("0011", KEYBOARD), ("0003", "1f0000 0 0 0 0\n")]
        ):
            folder = f"/sys/class/input/event{number}/device"
            installed.show({f"{folder}/id/bustype": f"{bus}\n", f"{folder}/capabilities/key": keys})
            installed.show({f"/dev/input/event{number}": ""}, mode=0o640)
        (node,) = self.seen(installed).keyboards
        assert (node.path, node.mode) == (str(installed.root / "dev/input/event0"), 0o640)


class TestUnits:
    @pytest.fixture
    def systemctl(self, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine with systemd, whose systemctl says what stands in a file."""
        device.show({"/run/systemd/system/x": ""})
        said, folder = tmp_path / "said", tmp_path / "bin"
        folder.mkdir()
        for name, script in {"systemctl": f"cat {said}", "journalctl": "echo it cannot use /var"}.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return said

    def test_both_are_read(self, device: Device, systemctl: Path) -> None:
        systemctl.write_text(
            "Id=pi-auto-capture.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n"
            "NRestarts=3\nUnitFileState=disabled\nActiveEnterTimestampMonotonic=0\n\n"
            "Id=pi-auto-client.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n"
            "NRestarts=0\nUnitFileState=enabled\nActiveEnterTimestampMonotonic=1000000\n"
        )
        facts = services.probe(device.patient)
        capture, client = facts.services
        assert (capture.unit, capture.active, capture.restarts, capture.at_boot) == (
            "pi-auto-capture",
            False,
            3,
            False,
        )
        assert (client.unit, client.active, client.at_boot) == ("pi-auto-client", True, True)
        assert facts.last_words == {"pi-auto-capture": "it cannot use /var"}

    def test_a_release_is_judged_by_what_it_says_of_itself(self, device: Device, systemctl: Path) -> None:
        systemctl.write_text("Id=pi-auto-client.service\nUnitFileState=disabled\n")
        assert installation.probe(device.patient) == installation.Facts(None)
        app = "/opt/pi-auto-client/releases/0.1.0/app"
        device.show({f"{app}/__main__.py": "", f"{app}/appliance/version": "0.1.0\n"})
        (device.root / "opt/pi-auto-client/current").symlink_to("releases/0.1.0")
        assert installation.probe(device.patient) == installation.Facts("0.1.0", not_at_boot=("pi-auto-client",))
        device.show({f"{app}/__main__.py": "raise SystemExit('no module named paho')"})
        assert "no module named paho" in installation.probe(device.patient).trouble
