"""Settings: a file that somebody has broken stops neither scanning nor delivery; those of a scanner hold."""

from __future__ import annotations

import json

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.waiting import wait_until

FILE = "/etc/pi_auto_client.json"


@pytest.mark.parametrize(
    "deed",
    [
        f"sudo truncate -s 20 {FILE}",
        f"sudo truncate -s 0 {FILE}",
        f"""echo '{{"server_url": 5}}' | sudo tee {FILE} >/dev/null""",
    ],
    ids=["half a file", "an empty file", "a number for a server"],
)
def test_broken_settings_never_stop_scanning(pi: Appliance, deed: str) -> None:
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    kept = pi.machine.run(f"cat {FILE}")
    try:
        pi.machine.run(deed)
        mark = pi.journal.mark()
        pi.machine.run(f"sudo systemctl restart {CAPTURE} {AGENT}")
        for unit in (CAPTURE, AGENT):
            pi.journal.wait_for(FILE, mark, unit=unit)
        pi.site.wait_for(pi.scan())
    finally:
        pi.machine.run(f"echo '{kept}' | sudo tee {FILE} >/dev/null; sudo systemctl restart {CAPTURE} {AGENT}")
    pi.wait_for_services()


def test_a_layout_that_is_set_here_holds_at_once_and_until_it_is_taken_back(pi: Appliance) -> None:
    """The emulated keyboard presses `q` and `z`, which a French one has where it types `a` and `w`."""
    pi.have_scanner()
    setting = f"sudo pi-auto-client scanners --set {scanner_of(pi)['id']} --layout"
    assert pi.machine.run(f"{setting} fr").endswith("layout fr")
    try:
        wait_until(lambda: layout_of(pi) == ("fr", "person"), pi.patience, "it holds")
        pi.scan_by("qzqzqzqzqz", "awawawawaw")
    finally:
        pi.machine.run(f"{setting} none")
    wait_until(lambda: layout_of(pi) == ("us", None), pi.patience, "nothing is set")
    pi.site.wait_for(pi.scan())


def test_a_layout_that_the_fleet_sets_holds_at_once_and_until_it_is_taken_back(pi: Appliance) -> None:
    pi.have_scanner()
    scanner = scanner_of(pi)["id"]
    pi.site.set_scanner(scanner, "--layout", "fr")
    try:
        wait_until(lambda: layout_of(pi) == ("fr", "fleet"), pi.patience, "it holds")
    finally:
        pi.site.set_scanner(scanner, "--layout", "none")
    wait_until(lambda: layout_of(pi) == ("us", None), pi.patience, "nothing is set")


def scanner_of(pi: Appliance) -> dict[str, str]:
    """The first keyboard, as the device tells of it."""
    told = json.loads(pi.machine.run("sudo pi-auto-client scanners --json"))["scanners"]
    return next(each for each in told if "rig-kbd1" in each["id"])


def layout_of(pi: Appliance) -> tuple[str, str | None]:
    scanner = scanner_of(pi)
    return scanner["layout"], scanner.get("layout_by")
