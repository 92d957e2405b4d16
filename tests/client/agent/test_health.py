from __future__ import annotations

import json
import platform
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.enrolment.system_info import system_info
from pi_auto.client.agent.health.board import temperature, undervoltage
from pi_auto.client.agent.health.disk import disk
from pi_auto.client.agent.health.network import ip_addresses, signal_strength
from pi_auto.client.agent.health.report import health, heartbeat
from pi_auto.client.agent.health.services import services
from pi_auto.client.agent.health.trust import clock_trust
from pi_auto.client.agent.health.versions import versions
from pi_auto.client.agent.network.netlink import OwnAddress
from pi_auto.client.agent.timekeeping.boots import Boot
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.clock import ClockReading
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.heartbeat import HEALTH

_WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets
 face | tus | link level noise |  nwid  crypt
 wlan0: 0000   52.  {level}  -256        0      0
"""


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "degrees"),
    [
        ({"thermal_zone0/type": "cpu-thermal\n", "thermal_zone0/temp": "48312\n"}, 48.3),
        ({"thermal_zone0/type": "acpitz\n", "thermal_zone0/temp": "20000\n",
          "thermal_zone1/type": "x86_pkg_temp\n", "thermal_zone1/temp": "61000\n"}, 61.0),
        ({"thermal_zone0/type": "acpitz\n", "thermal_zone0/temp": "-5500\n"}, -5.5),
        ({"thermal_zone0/type": "cpu-thermal\n", "thermal_zone0/temp": "broken\n"}, None),
        ({"thermal_zone0/type": "cpu-thermal\n", "thermal_zone0/temp": "-274000\n"}, None),
        ({"thermal_zone0/type": "cpu-thermal\n"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_temperature_is_the_processors(tmp_path: Path, files: dict[str, str], degrees: float | None) -> None:
    assert temperature(put(tmp_path, files)) == degrees


ALARM = {"hwmon0/name": "cpu\n", "hwmon1/name": "rpi_volt\n", "hwmon1/in0_lcrit_alarm": "1\n"}
NO_ALARM = {"hwmon0/name": "rpi_volt\n", "hwmon0/in0_lcrit_alarm": "0\n"}


def firmware(bits: str) -> dict[str, str]:
    return {"sys/devices/platform/soc/soc:firmware/get_throttled": f"{bits}\n"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (ALARM, {"now": True, "since_boot": True}),
        (NO_ALARM, {"now": False}),  # the alarm tells of the last seconds: what was before, nobody knows
        (NO_ALARM | firmware("0"), {"now": False, "since_boot": False}),
        (NO_ALARM | firmware("50000"), {"now": False, "since_boot": True}),
        (NO_ALARM | firmware("c0008"), {"now": False, "since_boot": False}),
        (ALARM | firmware("0"), {"now": True, "since_boot": True}),
        (firmware("50005"), {"now": True, "since_boot": True}),
        (NO_ALARM | firmware("broken"), {"now": False}),
        (firmware("broken"), None),
        ({"hwmon0/name": "rpi_volt\n"}, None),
        ({"hwmon0/name": "nvme\n", "hwmon0/in0_lcrit_alarm": "1\n"}, None),
        ({}, None),
    ],
)
def test_a_weak_supply_is_told_as_far_as_the_board_tells_it(
    tmp_path: Path, files: dict[str, str], told: dict[str, bool] | None
) -> None:
    assert undervoltage(put(tmp_path, files), tmp_path) == told


def test_addresses_are_those_that_others_reach_the_device_by() -> None:
    own = ["2001:db8::7", "10.0.0.17", "169.254.3.4", "fe80::ba27:ebff:fe00:1", "10.0.0.7", "10.0.0.7"]
    told = ip_addresses(OwnAddress(2, ip_address(each), 24) for each in own)
    assert told == ["10.0.0.7", "10.0.0.17", "2001:db8::7"]


def test_a_device_without_a_network_has_no_addresses() -> None:
    assert ip_addresses([]) == []


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("-58.", {"interface": "wlan0", "dBm": -58, "percent": 84}),
        ("-30.", {"interface": "wlan0", "dBm": -30, "percent": 100}),
        ("-110.", {"interface": "wlan0", "dBm": -110, "percent": 0}),
        ("-256.", None),
        ("0.", None),
        ("?", None),
        ("--5", None),
    ],
)
def test_the_signal_is_told_in_dbm_and_percent(tmp_path: Path, level: str, told: dict[str, Any] | None) -> None:
    assert signal_strength(put(tmp_path, {"wireless": _WIRELESS.format(level=level)})) == told


def test_a_device_on_a_cable_has_no_signal(tmp_path: Path) -> None:
    assert signal_strength(tmp_path) is None


def test_a_service_is_active_while_it_has_a_process(tmp_path: Path) -> None:
    put(tmp_path, {"pi-auto-client.service/cgroup.events": "populated 1\nfrozen 0\n"})
    assert services(tmp_path) == {"pi-auto-client": "active", "pi-auto-capture": "inactive"}


def test_services_are_left_out_where_systemd_does_not_run_them(tmp_path: Path) -> None:
    assert services(tmp_path / "absent") == {}


def test_the_disk_is_told_in_whole_mebibytes(tmp_path: Path) -> None:
    told = disk(tmp_path)
    assert told is not None
    assert 0 <= told["free"] <= told["total"]
    assert 0 <= told["percent"] <= 100
    assert told["free"] % 1024**2 == 0
    assert disk(tmp_path / "absent") is None


HOUR = 3600 * 10**9
SET = Boot("boot", HOUR, offset_ns=7 * HOUR, measured_ns=HOUR, error_ms=500)
BY_FLEET = replace(SET, by_fleet=True)


@pytest.mark.parametrize(
    ("reading", "boot", "told"),
    [
        # systemd-timesyncd tells the kernel of no error at all: half a second is the least that is believed.
        (ClockReading("boot", HOUR, 7 * HOUR, True, 0), SET, ("network", 1000)),
        (ClockReading("boot", HOUR, 7 * HOUR, True, 1200), SET, ("network", 2000)),
        (ClockReading("boot", HOUR, 0, False, 16000), Boot("boot"), ("none", None)),
        # Set before, and let alone since: 500 ppm of two hours are 3.6 s.
        (ClockReading("boot", 3 * HOUR, 7 * HOUR, False, 16000), SET, ("kept", 5000)),
        # Nobody but the fleet has told the time. The helper raises the clock to it a moment later; further off is
        # ahead, which nothing lowers.
        (ClockReading("boot", HOUR, 7 * HOUR - 10**9, False, 16000), BY_FLEET, ("fleet", 2000)),
        (ClockReading("boot", HOUR, 8 * HOUR, False, 16000), BY_FLEET, ("none", None)),
        # Set by a network that the fleet has overruled, and by one that is right again.
        (ClockReading("boot", HOUR, 9000 * HOUR, True, 0), BY_FLEET, ("none", None)),
        (ClockReading("boot", HOUR, 7 * HOUR - 10**9, True, 0), BY_FLEET, ("network", 1000)),
        # Set before, and set by hand since.
        (ClockReading("boot", 3 * HOUR, 8 * HOUR, False, 16000), SET, ("none", None)),
    ],
)
def test_a_clock_is_trusted_as_far_as_somebody_vouches_for_it(
    reading: ClockReading, boot: Boot, told: tuple[str, int | None]
) -> None:
    trust, bound = told
    expected = {"synced": trust == "network", "trust": trust} | ({"offset_bound": bound} if bound else {})
    assert clock_trust(reading, boot) == expected


def test_a_bound_that_grows_is_no_news_every_time() -> None:
    bounds = [clock_trust(ClockReading("boot", HOUR + n * 10**9, 7 * HOUR, False, 16000), SET) for n in range(300)]
    assert len({each["offset_bound"] for each in bounds}) == 1


def test_what_is_told_has_a_place_in_a_heartbeat(tmp_path: Path) -> None:
    told = health(tmp_path, SET)
    assert set(told) <= set(HEALTH)
    assert told["versions"] == versions()
    assert all(value not in (None, [], {}) for value in told.values())


def test_a_system_that_writes_its_name_in_another_encoding_has_heartbeats_and_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "os-release").write_bytes(b'PRETTY_NAME="Caf\xe9 OS"\n')
    monkeypatch.setattr(platform, "_os_release_candidates", (str(tmp_path / "os-release"),))
    monkeypatch.setattr(platform, "_os_release_cache", None)
    assert "os" not in versions()
    assert system_info(("", 0))["os_info"]["name"] == platform.system()


@pytest.mark.parametrize("news", [None, 7, "x", {"a": 1}, [1, "id", None, []]])
def test_whatever_capture_tells_of_scanners_there_are_heartbeats(tmp_path: Path, news: object) -> None:
    Bulletin(tmp_path).post("scanners", news)
    with SpoolReader(tmp_path) as reader, closing(Marks(tmp_path / "marks.sqlite")) as marks:
        told = heartbeat(("", 0), reader, marks, tmp_path, SET)
    assert told.scanners == []
    assert json.loads(told.to_bytes())["status"] == "online"
