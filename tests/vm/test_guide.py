"""The guide's own lines, from the first to the last that a customer needs; then a reboot and a power cut."""

from __future__ import annotations

import pytest

from support.vm.appliance import AGENT, CAPTURE, Appliance
from support.vm.machine import Machine
from support.waiting import wait_until

pytestmark = pytest.mark.everywhere
GUIDES_CODE, UNTAKEN = "8053734093444", "4006381333931"


def test_keys_would_reach_the_console_if_nobody_took_them(machine: Machine) -> None:
    """What shows that the console is looked at rightly: before installing, they do."""
    if not machine.has_wires:
        pytest.skip("no wire leads out of this kind's console")
    mark = machine.journal.mark()
    machine.plug_in("kbd1")
    machine.journal.wait_for("QEMU QEMU USB Keyboard", mark, unit="kernel")
    wait_until(lambda: code_reached_console(machine), 30, "a code reaches the console")
    assert UNTAKEN in screen(machine)
    machine.unplug("kbd1")


def test_the_services_run_once_installed(pi: Appliance) -> None:
    pi.wait_for_services()
    assert pi.machine.run(f"systemctl is-enabled {AGENT}") == "enabled"


def test_a_scan_of_a_plugged_in_scanner_arrives(pi: Appliance) -> None:
    pi.plug_in()
    (arrived,) = pi.site.wait_for(pi.scan(GUIDES_CODE))
    assert arrived["device_id"].startswith("pi-")


def test_no_key_of_a_scan_stands_on_the_console(pi: Appliance) -> None:
    assert GUIDES_CODE not in screen(pi.machine)


def test_status_tells_who_and_where(pi: Appliance) -> None:
    pi.wait_until_all_is_there()
    wait_until(lambda: pi.status()["queue"] == {"api": 0, "hub": 0}, 30, "nothing waits")
    assert pi.status()["server"] == pi.site.name


def test_it_comes_back_after_a_reboot(pi: Appliance) -> None:
    pi.have_scanner()
    mark = pi.journal.mark()
    pi.machine.reboot()
    pi.wait_for_scanner("kbd1", mark)
    pi.site.wait_for(pi.scan())
    pi.wait_for_services()


def test_a_stored_scan_survives_the_pulled_plug(pi: Appliance) -> None:
    pi.have_scanner()
    pi.machine.run(f"sudo systemctl stop {AGENT}")  # it is not to be on its way already
    stored = pi.scan()
    pi.machine.pull_the_plug()
    mark = pi.journal.mark()
    pi.machine.power_on()
    pi.site.wait_for(stored)
    pi.wait_for_scanner("kbd1", mark)
    assert CAPTURE in pi.machine.run("systemctl list-units --state=active 'pi-auto*'")


def code_reached_console(machine: Machine) -> bool:
    machine.type(UNTAKEN)
    return UNTAKEN.encode() in machine.console_keys()


def screen(machine: Machine) -> str:
    return machine.run("sudo cat /dev/vcs1 | tr -d '\\0\\n'")
