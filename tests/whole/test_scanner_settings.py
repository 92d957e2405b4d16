"""What an operator sets of a scanner: from the server's command over the hub to the keys that are read by it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pi_auto.client.bulletin import posts_in
from pi_auto.client.capture.keys.layout import load
from pi_auto.simulator.wedge import Wedge
from support.household import Household
from support.waiting import wait_until

LABEL = "A1-/:z"


def set_scanner(house: Household, scanner: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", "scanner", "--data", str(house.data)]
    command += [house.pi.device_id, scanner, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def reported(house: Household) -> list[dict[str, Any]]:
    """The scanners, as the device reports them."""
    try:
        with urllib.request.urlopen(f"{house.url}/api/pi_device/{house.pi.device_id}", timeout=10) as answer:
            told = json.load(answer)["reported"] or {}
    except urllib.error.HTTPError:  # it is not registered yet
        return []
    return list(told.get("scanners", []))


def layout_in(house: Household) -> str | None:
    """By which capture reads now."""
    post = posts_in(house.pi.state / "capture").get("scanners")
    return str(post.news[0].get("layout")) if post and post.news else None


def test_a_layout_that_the_server_sets_reaches_the_scanner_and_is_reported_back(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        wait_until(lambda: reported(house), 60, "the device reports its scanner")
        (scanner,) = reported(house)
        assert scanner["layout"] == "us"
        ran = set_scanner(house, scanner["id"], "--layout", "fr")
        assert (ran.returncode, ran.stderr) == (0, "")
        wait_until(lambda: layout_in(house) == "fr", what="the device follows")
        house.scanner.type_at_once(LABEL, Wedge(load("fr")))
        wait_until(lambda: [scan["text"] for scan in house.booked()] == [LABEL], what="it is booked")
        wait_until(lambda: reported(house)[0].get("layout_by") == "fleet", 60, "it is reported back")


def test_what_the_server_cannot_set_is_a_sentence(tmp_path: Path) -> None:
    with Household(tmp_path) as house:
        ran = set_scanner(house, "usb-x")
        assert (ran.returncode, ran.stderr) == (
            2,
            "pi-auto-server: name --layout, --kind, --calibrate or --forget\n",
        )
        house.pi.device_id = "pi-nobody"
        ran = set_scanner(house, "usb-x", "--layout", "de")
        assert ran.returncode == 1
        assert "allowed: a device that this hub knows" in ran.stderr
