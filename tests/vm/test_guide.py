"""A Pi from the guide's first line to its last: installed, used, mistreated, cleaned. In this order."""

from __future__ import annotations

import json

import pytest

from support.vm.machine import Machine
from support.waiting import wait_until

from .conftest import Site

UNITS = ("pi-auto-client", "pi-auto-capture")
MOST_EXPOSED = 2.0  # of systemd-analyze security
BACK_WITHIN = 60.0


def services_run(pi: Machine) -> bool:
    return all(pi.run(f"systemctl is-active {unit}", check=False) == "active" for unit in UNITS)


def stored(pi: Machine) -> str:
    return pi.run("sudo journalctl -u pi-auto-capture --no-pager -o cat")


def scan(pi: Machine, text: str) -> None:
    """Type it and wait until the Pi has said "stored"."""
    pi.type(text)
    wait_until(lambda: f"text={text}" in stored(pi), 30, f"{text} is stored")


def test_the_services_run_once_installed(pi: Machine) -> None:
    wait_until(lambda: services_run(pi), 30, "both services are active")
    assert pi.run("systemctl is-enabled pi-auto-client") == "enabled"


def test_a_scan_of_a_plugged_in_scanner_arrives(pi: Machine, site: Site) -> None:
    opened = stored(pi).count("scanner opened")
    pi.plug_in()
    wait_until(lambda: stored(pi).count("scanner opened") > opened, 15, "the scanner is opened")
    scan(pi, "8053734093444")
    assert site.wait_for("8053734093444")["device_id"].startswith("pi-")


def test_no_key_of_a_scan_reaches_the_console(pi: Machine) -> None:
    assert "8053734093444" not in pi.run("sudo cat /dev/vcs1").replace("\n", "")


def test_nothing_of_ours_listens(pi: Machine) -> None:
    assert "python" not in pi.run("sudo ss -lntup")


@pytest.mark.parametrize("unit", UNITS)
def test_the_sandbox_holds(pi: Machine, unit: str) -> None:
    last = pi.run(f"systemd-analyze security --no-pager {unit}").splitlines()[-1]
    assert float(last.split(":")[1].split()[0]) <= MOST_EXPOSED


@pytest.mark.parametrize(
    ("user", "deed"),
    [
        ("pi-auto", "touch /opt/pi-auto-client/current/x"),
        ("pi-auto", "sh -c 'cat /dev/input/event0'"),
        ("pi-auto", "sh -c 'echo >> /var/lib/pi-auto-client/capture/spool.sqlite'"),
        ("pi-auto-capture", "cat /var/lib/pi-auto-client/agent/identity.json"),
        ("pi-auto-capture", "cat /var/lib/pi-auto-client/agent/registration.json"),
    ],
)
def test_each_user_can_do_only_its_own(pi: Machine, user: str, deed: str) -> None:
    code, said = pi.status_of(f"sudo -u {user} {deed}")
    assert code != 0
    assert "ermission denied" in said


def test_it_works_at_another_port(pi: Machine, site: Site) -> None:
    opened = stored(pi).count("scanner opened")
    pi.unplug()
    pi.plug_in("kbd1", port=3)
    wait_until(lambda: stored(pi).count("scanner opened") > opened, 15, "it is opened at its new port")
    scan(pi, "4006381333931")
    site.wait_for("4006381333931")


def test_either_is_back_after_it_was_killed(pi: Machine, site: Site) -> None:
    pi.run("sudo systemctl kill -s KILL pi-auto-capture pi-auto-client")
    wait_until(lambda: services_run(pi), 30, "both are back")
    opened = stored(pi).count("scanner opened")
    wait_until(lambda: stored(pi).count("scanner opened") >= opened, 15, "the scanner is open again")
    scan(pi, "5901234123457")
    site.wait_for("5901234123457")


def test_what_is_scanned_without_network_arrives_later_in_order(pi: Machine, site: Site) -> None:
    pi.network(on=False)
    texts = [f"77000000{number:05d}" for number in range(20)]
    for text in texts:
        pi.type(text)
    pi.network(on=True)
    pi.wait_for_login()
    for text in texts:
        site.wait_for(text)
    assert [each["text"] for each in site.scans() if each["text"].startswith("77000000")] == texts


def test_it_comes_back_after_a_reboot(pi: Machine, site: Site) -> None:
    pi.reboot()
    wait_until(lambda: services_run(pi), BACK_WITHIN, "both services are back")
    wait_until(
        lambda: "scanner opened" in pi.run("sudo journalctl -b -u pi-auto-capture -o cat"), 30, "it is open"
    )
    scan(pi, "4012345678901")
    site.wait_for("4012345678901")


def test_a_stored_scan_survives_the_pulled_plug(pi: Machine, site: Site) -> None:
    pi.run("sudo systemctl stop pi-auto-client")  # it is not to be on its way already
    scan(pi, "9780201379624")
    pi.pull_the_plug()
    pi.power_on()
    site.wait_for("9780201379624")


def test_status_tells_who_and_where(pi: Machine, site: Site) -> None:
    told = json.loads(pi.run("sudo pi-auto-client status --json"))
    assert told["server"] == site.there
    assert told["queue"] == {"api": 0, "hub": 0}


def test_uninstalling_leaves_nothing(pi: Machine) -> None:
    pi.run("sudo /opt/pi-auto-client/uninstall.sh --yes")
    left = pi.run(
        "ls -d /opt/pi-auto-client /var/lib/pi-auto-client /etc/pi_auto_client.json /var/log/pi_auto_client.log*"
        " /etc/systemd/system/pi-auto* /etc/udev/rules.d/*pi-auto* 2>/dev/null",
        check=False,
    )
    assert left == ""
