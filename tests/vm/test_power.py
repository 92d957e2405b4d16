"""Power that goes at any moment, and a kernel that stands still: it comes back, and nothing stored is lost."""

from __future__ import annotations

import random
import time

import pytest

from support.vm.appliance import CAPTURE, INSTALL, Appliance
from support.vm.figures import Figures
from support.waiting import over, wait_until

FREEZES_FOR = 14.0  # seconds, of system.conf.d: the hardware watchdog's patience
_CUTS_OF_EACH = {False: 1, True: 10}
_CUTS_OF_INSTALLING = {False: 1, True: 8}


def come_back(pi: Appliance) -> float:
    """Switch it on and wait until it scans; seconds that the guest itself needed."""
    mark = pi.journal.mark()
    pi.machine.power_on()
    return pi.wait_for_scanner("kbd1", mark).at


def test_the_power_may_go_while_it_scans(
    pi: Appliance, figures: Figures, chance: random.Random, *, long: bool
) -> None:
    pi.have_scanner()
    taken = []
    for _ in range(_CUTS_OF_EACH[long]):
        pi.keep_scanning(until=over(chance.uniform(0.5, 6)))
        pi.machine.pull_the_plug()
        taken.append(come_back(pi))
        pi.site.wait_for(pi.scan())
    pi.wait_until_all_is_there()
    figures.spread("scans after power-on", taken, "s")


def test_the_power_may_go_while_it_boots(pi: Appliance, chance: random.Random, *, long: bool) -> None:
    pi.have_scanner()
    pi.scan()
    for _ in range(_CUTS_OF_EACH[long]):
        pi.machine.pull_the_plug()
        pi.machine.power_on(wait=False)
        time.sleep(chance.uniform(2, 40) * pi.machine.slow)
    pi.machine.pull_the_plug()
    come_back(pi)
    pi.site.wait_for(pi.scan())
    pi.wait_until_all_is_there()


def test_the_power_may_go_while_it_installs(pi: Appliance, chance: random.Random, *, long: bool) -> None:
    """Run again after each cut it finishes the work: over an installation, and over what --keep-data leaves."""
    pi.have_scanner()
    taken = 30.0
    for number in range(_CUTS_OF_INSTALLING[long]):
        if number % 2 == 0:
            pi.machine.run("sudo /opt/pi-auto-client/uninstall.sh --keep-data")
        pi.machine.run(f"sync; sudo systemd-run --quiet --working-directory=/home/pi {INSTALL}")
        time.sleep(chance.uniform(0.5, taken))
        pi.machine.pull_the_plug()
        pi.machine.power_on()
        begun = time.monotonic()
        pi.install()
        taken = time.monotonic() - begun
        pi.wait_for_services()
        pi.site.wait_for(pi.scan())
    pi.wait_until_all_is_there()


@pytest.mark.unhurried
def test_a_frozen_kernel_reboots_by_itself(pi: Appliance, figures: Figures) -> None:
    pi.have_scanner()
    stored = pi.scan()
    assert pi.machine.run("cat /sys/class/watchdog/watchdog0/identity") == "i6300ESB timer"
    assert pi.machine.run("cat /sys/class/watchdog/watchdog0/state") == "active"
    assert float(pi.machine.run("cat /sys/class/watchdog/watchdog0/timeout")) <= FREEZES_FOR + 1
    former, mark = pi.machine.boot_id(), pi.journal.mark()
    pi.machine.run("sudo sysctl -q kernel.panic=0")
    frozen = time.monotonic()
    pi.machine.status_of("sudo sh -c '(sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &'")
    wait_until(
        lambda: any(entry.boot != former_boot(former) for entry in pi.journal.since(mark, unit="kernel")),
        pi.machine.patience, "the kernel starts anew",
    )  # fmt: skip
    figures.add("frozen kernel: speaks again after", time.monotonic() - frozen, "s")
    pi.machine.wait_for_another_boot_than(former)
    pi.wait_for_scanner("kbd1", mark)
    pi.site.wait_for(stored, pi.scan())
    assert CAPTURE in pi.machine.run("systemctl list-units --state=active 'pi-auto*'")


def former_boot(boot_id: str | None) -> str:
    """As the journal spells it."""
    return (boot_id or "").replace("-", "")
