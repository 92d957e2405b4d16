from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pi_auto.server.console.device_views import waiting
from pi_auto.server.console.health import facts, troubles
from pi_auto.server.console.scan_views import arrival
from pi_auto.server.console.words import ago, lasting, size, span
from support.api import NOW


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "just now"), (0.4, "just now"), (1, "1 s ago"), (119.9, "119 s ago"), (120, "2 min ago"),
        (7199, "119 min ago"), (7200, "2 h ago"), (172799, "47 h ago"), (172800, "2 days ago"),
    ],
)  # fmt: skip
def test_how_long_ago_is_told_in_the_largest_unit_that_fits_twice(seconds: float, words: str) -> None:
    assert ago(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0354, "35 ms"),
        (1.24, "1.2 s"),
        (12.5, "12 s"),
        (300, "5 min"),
        (7300, "2 h"),
        (200000, "2 days"),
    ],
)
def test_a_delay_is_a_few_characters(seconds: float, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


def test_a_scan_that_has_not_come_by_a_way_has_no_arrival() -> None:
    assert arrival(NOW, None, trusted=True) is None


def test_no_delay_is_told_where_the_clock_was_not_set() -> None:
    told = arrival(NOW, NOW, trusted=False)
    assert told is not None
    assert told.delay == ""
    assert "the delay is not known" in told.told


def test_no_delay_is_told_where_the_clocks_disagree() -> None:
    told = arrival(NOW, NOW - timedelta(milliseconds=1234), trusted=True)
    assert told is not None
    assert told.delay == ""
    assert "1,234 ms or more ahead" in told.told


@pytest.mark.parametrize(
    ("reported", "depth"),
    [
        ({"queue": {"api": {"waiting": 3}, "hub": {"waiting": 7, "oldest_age_seconds": 1.5}}}, 7),
        ({"queue": {"api": {"waiting": 0}}}, 0),
        ({"queue": {"trouble": "the spool cannot be read"}}, None),
        ({"queue": {"api": {"waiting": "9"}, "hub": {"waiting": True}, "x": {"waiting": -1}}}, None),
        ({"queue": {"api": {"waiting": 1.5}, "hub": {"waiting": None}, "x": {"waiting": []}}}, None),
        ({"queue": {}}, None), ({"queue": []}, None), ({"queue": 5}, None),
        ({}, None), ([], None), (None, None), ("x", None),
    ],
)  # fmt: skip
def test_the_queue_is_the_longest_one_a_device_reports_whatever_else_it_reports(
    reported: object, depth: int | None
) -> None:
    assert waiting(reported) == depth


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (12000, "3 h 20 min"),
        (172_799, "47 h 59 min"), (172_800, "2 d"), (190_000, "2 d 4 h"),
    ],
)  # fmt: skip
def test_how_long_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("octets", "words"), [(0, "0 bytes"), (1024, "1 KiB"), (954 * 2**20, "954 MiB"), (3 * 10**10, "27.9 GiB")]
)
def test_a_size_is_told_in_the_largest_unit_that_fits(octets: int, words: str) -> None:
    assert size(octets) == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, []),
        ({"undervoltage": {"now": False}, "temperature": 69.9, "disk": {"percent": 84}}, []),
        ({"undervoltage": {"now": True}}, ["weak power"]),
        ({"undervoltage": {"now": False, "since_boot": True}}, ["weak power"]),
        ({"clock": {"synced": False, "trust": "kept"}}, []),
        ({"clock": {"synced": False, "trust": "fleet", "offset_bound": 2000}}, []),
        ({"temperature": 70}, ["hot"]),
        ({"disk": {"percent": 99}}, ["disk full"]),
        ({"services": {"a": "active", "b": "inactive", "c": "failed"}}, ["service down", "service down"]),
        ({"queue": {"api": {"oldest_age_seconds": 301}, "hub": {}}}, ["delivers late"]),
        ({"queue": {"trouble": "the spool cannot be read"}}, ["queue unreadable"]),
        ({"signal": {"percent": 10}}, ["weak Wi-Fi"]),
        ({"clock": {"synced": False}}, ["clock not set"]),
        ({"update": {"version": "0.2.0", "step": "committed"}}, []),
        ({"update": {"version": "0.2.0", "step": "trial"}}, []),
        ({"update": {"version": "0.2.0", "step": "rolled_back", "reason": "it hung"}}, ["update failed"]),
        ({"update": {"version": "0.2.0", "step": "refused"}}, ["update failed"]),
    ],
)
def test_what_needs_a_person_is_named(told: dict[str, Any], words: list[str]) -> None:
    assert [badge.word for badge in troubles(told)] == words


def test_what_a_device_tells_of_itself_is_told_in_words() -> None:
    told = {
        "ip_addresses": ["192.168.1.18"],
        "uptime": 12000,
        "services": {"pi-auto-client": "active"},
        "scanners": [{"id": "usb-1", "name": "HR32", "port": "1-1", "layout": "fr"}, {"id": "usb-2"}],
        "queue": {"api": {"waiting": 0}, "hub": {"waiting": 1234, "oldest_age_seconds": 90.5}},
        "disk": {"free": 2**30, "total": 4 * 2**30, "percent": 75},
        "temperature": 48.0,
        "undervoltage": {"now": False},
        "signal": {"interface": "wlan0", "dBm": -61, "percent": 78},
        "clock": {"synced": True, "trust": "network", "offset_bound": 12},
        "zone": "Europe/Rome",
        "update": {
            "version": "0.2.0",
            "step": "rolled_back",
            "reason": "it hung",
            "at": "2026-11-22T06:12:00.000Z",
        },
        "os_updates": {"on": True, "reboot": True, "last": "2026-11-22T06:12:00.000Z"},
        "versions": {"client": "0.1.0", "kernel": "6.6"},
    }
    assert [(fact.name, fact.text) for fact in facts(told)] == [
        ("Addresses", "192.168.1.18"),
        ("Up for", "3 h 20 min"),
        ("Services", "pi-auto-client active"),
        ("Scanners", "HR32 (1-1, layout fr); usb-2"),
        ("Queue", "API 0; hub 1,234, the oldest waits 1 min"),
        ("Disk", "1 GiB free of 4 GiB, 75 % used"),
        ("Temperature", "48 °C"),
        ("Power", "good"),
        ("Signal", "78 %, -61 dBm on wlan0"),
        ("Clock", "set by the network, at most 12 ms off"),
        ("Time zone", "Europe/Rome"),
        ("Last update", "0.2.0 rolled back: it hung, on 2026-11-22"),
        ("Security updates", "on, last on 2026-11-22, a reboot is due"),
        ("Versions", "client 0.1.0, kernel 6.6"),
    ]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"clock": {"synced": True, "trust": "network"}}, "set by the network"),
        ({"clock": {"synced": False, "trust": "kept", "offset_bound": 2000}},
         "set since the start, and let alone, at most 2,000 ms off"),
        ({"clock": {"synced": False, "trust": "fleet", "offset_bound": 2000}},
         "as the fleet has signed, at most 2,000 ms off"),
        ({"clock": {"synced": False, "trust": "none"}}, "not set"),
        ({"undervoltage": {"now": True, "since_boot": True}}, "too weak"),
        ({"undervoltage": {"now": False, "since_boot": True}}, "was too weak since the start"),
        ({"queue": {"trouble": "the spool cannot be read"}}, "the spool cannot be read"),
    ],
)  # fmt: skip
def test_a_fact_is_told_as_it_is(told: dict[str, Any], words: str) -> None:
    assert [fact.text for fact in facts(told)] == [words]
