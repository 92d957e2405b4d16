from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pi_auto.server.fleet.health import told
from pi_auto.wire.heartbeat import Heartbeat

HEALTH: dict[str, Any] = {
    "services": {"pi-auto-client": "active", "pi-auto-capture": "inactive"},
    "versions": {"client": "0.1.0", "kernel": "6.6"},
    "uptime": 3600,
    "ip_addresses": ["192.168.1.18", "fd00::1"],
    "disk": {"free": 1024, "total": 4096, "percent": 75},
    "temperature": 48.3,
    "undervoltage": {"now": False, "since_boot": True},
    "signal": {"interface": "wlan0", "dBm": -61, "percent": 78},
    "clock": {"synced": True, "trust": "network", "offset_bound": 12},
    "zone": "Europe/Rome",
    "os_updates": {"on": True, "reboot": False, "last": "2026-11-22T06:12:00.000Z"},
}
QUEUE = {"api": {"waiting": 3, "oldest_age_seconds": 1.5}, "hub": {"waiting": 0}}
SCANNERS = [{"id": "usb-1", "name": "Scanner", "port": "1-1", "standing": "scanner"}]


def test_all_that_a_heartbeat_tells_is_told() -> None:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    beat = Heartbeat("online", moment, "0.1.0", {"hostname": "till"}, QUEUE, SCANNERS, HEALTH)
    known = {"status": "online", "last_seen": "2026-11-23T00:00:00.000Z", "queue": QUEUE, "scanners": SCANNERS}
    assert told(beat.to_json()) == known | HEALTH


@pytest.mark.parametrize(
    "reported",
    [
        None, [], "x", 5, {},
        {"uptime": "1"}, {"uptime": True}, {"uptime": -1}, {"uptime": 2**70},
        {"temperature": float("nan")}, {"temperature": float("inf")}, {"temperature": 10**400},
        {"disk": []}, {"disk": {"free": "all"}}, {"undervoltage": {"now": 1}}, {"undervoltage": True},
        {"services": ["x"]}, {"services": {"x": 5}}, {"ip_addresses": "1.2.3.4"}, {"ip_addresses": [5, None, ""]},
        {"scanners": {"id": 5}}, {"scanners": [5, {"id": []}]}, {"queue": {"api": 5, "trouble": {}}},
        {"status": ["online"]}, {"status": "asleep"}, {"clock": {"synced": "yes"}}, {"surprise": {"a": 1}},
    ],
)  # fmt: skip
def test_what_cannot_be_is_left_out(reported: object) -> None:
    assert told(reported) == {}


def test_what_is_told_is_bounded() -> None:
    flood = {
        "services": {f"{n}" * 1000: "x" * 1000 for n in range(1000)},
        "ip_addresses": ["x" * 1000] * 1000,
        "scanners": [{"id": "x" * 1000}] * 1000,
    }
    assert len(repr(told(flood))) < 40_000
