"""Security updates of the system and its time zone, as a heartbeat tells of them."""

from __future__ import annotations

import os
from pathlib import Path

from pi_auto.client.agent.health.os_updates import os_updates
from pi_auto.client.agent.health.zone import time_zone


def test_a_system_without_them_says_so(tmp_path: Path) -> None:
    assert os_updates(tmp_path) == {"on": False, "reboot": False}


def test_when_they_last_came_and_that_they_ask_for_a_reboot_is_told(tmp_path: Path) -> None:
    for name in (
        "usr/bin/unattended-upgrade",
        "var/lib/apt/periodic/unattended-upgrades-stamp",
        "run/reboot-required",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    os.utime(tmp_path / "var/lib/apt/periodic/unattended-upgrades-stamp", (1_795_000_000, 1_795_000_000))
    assert os_updates(tmp_path) == {"on": True, "reboot": True, "last": "2026-11-18T11:06:40.000Z"}


def test_the_zone_is_told_by_its_name_where_one_is_set(tmp_path: Path) -> None:
    link = tmp_path / "etc/localtime"
    link.parent.mkdir()
    assert time_zone(tmp_path) is None
    link.write_text("a copy")
    assert time_zone(tmp_path) is None
    for target, zone in (
        ("/usr/share/zoneinfo/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("../usr/share/zoneinfo/UTC", "UTC"),
        ("/srv/elsewhere", None),
    ):
        link.unlink()
        link.symlink_to(target)
        assert time_zone(tmp_path) == zone
