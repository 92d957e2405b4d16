"""An operator has a real device do things, through the real server's hub; all of it is audited."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.household import Household
from support.waiting import wait_until


def server_command(house: Household, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", *arguments, "--data", str(house.data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


def told(house: Household) -> dict[str, Any]:
    with urllib.request.urlopen(f"{house.url}/api/pi_devices", timeout=10) as answer:
        devices: list[dict[str, Any]] = json.load(answer)["devices"]
    return devices[0] if devices else {}


def audited(house: Household) -> list[tuple[str, str | None, int | None]]:
    lines = server_command(house, "audit", "--json", "--device", house.pi.device_id).stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert all(entry["who"] and entry["at"] for entry in entries)
    calls = [entry for entry in entries if "status" in entry]  # the others tell how it was taken in
    return [(entry["action"], entry["outcome"], entry["status"]) for entry in calls]


def test_a_device_is_had_to_do_things_and_each_is_audited(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        wait_until(lambda: told(house).get("health"), 60, "the device reports")
        device = house.pi.device_id

        ran = server_command(house, "device", "set_log_level", device, "--level", "DEBUG", "--minutes", "5")
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        assert ran.stdout.startswith(f"{device}: set_log_level: done (200)")
        wait_until(lambda: "logging from DEBUG up for 5 minutes" in house.pi.log.read_text(), what="it logs more")

        ran = server_command(house, "device", "check_update", device)
        assert ran.stdout == f'{device}: check_update: done (200): {{"asked": true}}\n'

        [before] = house.pids("agent")
        first = told(house)["connected_at"]
        ran = server_command(house, "device", "restart", device)
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        wait_until(lambda: house.pids("agent") not in ([], [before]), 30, "another agent runs")
        wait_until(lambda: told(house)["connected_at"] > first, 60, "it is back at the hub")
        wait_until(lambda: told(house)["status"] == "online", 30, "it is online again")
        assert told(house)["online_seconds"]["today"] >= 0

        assert audited(house) == [
            ("set_log_level", "done", 200),
            ("check_update", "done", 200),
            ("restart", "done", 200),
        ]
        lines = [line.split("  ") for line in server_command(house, "audit").stdout.splitlines()]
        methods = ("set_log_level", "check_update", "restart")
        assert [line[2] for line in lines if line[3].startswith(methods)] == [device] * 3


@pytest.mark.skipif(
    find_spec("pi_auto.client.agent.methods.diagnostics") is None, reason="this client cannot do diagnostics yet"
)
def test_diagnostics_of_a_real_device_are_saved(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        wait_until(lambda: told(house).get("health"), 60, "the device reports")
        saved = tmp_path / "bundle.zip"
        ran = server_command(house, "device", "diagnostics", house.pi.device_id, "--save", str(saved))
        assert ran.returncode == 0, ran
        with zipfile.ZipFile(saved) as bundle:
            assert bundle.testzip() is None
            assert bundle.namelist()
        assert audited(house) == [("diagnostics", "stored", None)]


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        wait_until(lambda: told(house).get("health"), 60, "the device reports")
        device = house.pi.device_id
        ran = server_command(house, "device", "restart", device + "x")
        assert ran.returncode == 1
        assert ran.stderr.startswith(f"pi-auto-server: no device has the id or the host name '{device}x'; did you")
        assert f"'{device}'" in ran.stderr
        house.pi.client.stop()
        ran = server_command(house, "device", "restart", device)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"pi-auto-server: {device}: restart: offline: {device} is not connected")
        wait_until(lambda: told(house)["status"] == "offline", 30, "it has said good-bye")
        assert audited(house) == [("restart", "offline", None)]
        house._server.stop()
        ran = server_command(house, "device", "restart", device)
        assert ran.returncode == 1
        assert "restart: unreachable: the hub cannot be reached" in ran.stderr
