"""Lamps on the header: a simulated GPIO chip in the guest, which tells what is driven onto each of its lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.vm.appliance import CAPTURE, Appliance
from support.vm.machine import Machine
from support.waiting import wait_until

FILE = "/etc/pi_auto_client.json"
LINES = {"stored": 17, "sent": 27, "trouble": 22, "lost": 22, "buzzer": 18}
_SIM = "/sys/kernel/config/gpio-sim/header"
# The chip of a board's header by its label; whichever module the guest's kernel has. Prints node and value files.
_MAKE_SIM = f"""
set -e
modprobe gpio-sim
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
mkdir -p {_SIM}/bank
echo 32 > {_SIM}/bank/num_lines
echo pinctrl-bcm2835 > {_SIM}/bank/label
echo 1 > {_SIM}/live
chip=$(cat {_SIM}/bank/chip_name)
echo /dev/$chip /sys/devices/platform/$(cat {_SIM}/dev_name)/$chip/sim_gpio%d/value
"""
_MAKE_MOCKUP = """
set -e
modprobe gpio-mockup gpio_mockup_ranges=-1,32
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
chip=$(ls /sys/kernel/debug/gpio-mockup | head -n 1)
echo /dev/$chip /sys/kernel/debug/gpio-mockup/$chip/%d
"""
_TAKE_AWAY = f"""
echo 0 > {_SIM}/live; rmdir {_SIM}/bank {_SIM}; modprobe -r gpio-sim; modprobe -r gpio-mockup
"""
# Looks at one line a hundred times a second, and says each time what it has become.
_WATCH = """
import sys, time
file, seconds = sys.argv[1], float(sys.argv[2])
end, last = time.monotonic() + seconds, None
while time.monotonic() < end:
    now = open(file).read().strip()
    if now != last:
        print(now, flush=True)
        last = now
    time.sleep(0.01)
"""


@dataclass
class Header:
    """The simulated chip: its node, and where the value of a line stands."""

    machine: Machine
    node: str
    values: str

    def is_lit(self, role: str) -> bool:
        """Whether a line is driven high now."""
        return self.machine.run(f"sudo cat {self.values % LINES[role]}").strip() == "1"

    def watch(self, role: str, seconds: float) -> None:
        """Note from now on how a line changes."""
        command = f"python3 -c {shlex.quote(_WATCH)} {self.values % LINES[role]} {seconds}"
        self.machine.run(f"sudo sh -c {shlex.quote(f'{command} >/run/watched 2>&1 &')}")

    def watched(self) -> list[str]:
        """What has been noted so far."""
        return self.machine.run("sudo cat /run/watched").split()


def as_root(machine: Machine, script: str) -> tuple[int, str]:
    return machine.status_of(f"sudo sh -c {shlex.quote(script)}")


@pytest.fixture
def header(pi: Appliance) -> Iterator[Header]:
    """A chip that capture may use, and lamps set to hang on it."""
    for make in (_MAKE_SIM, _MAKE_MOCKUP):
        code, said = as_root(pi.machine, make)
        if code == 0:
            break
    else:
        pytest.skip("the guest's kernel has neither gpio-sim nor gpio-mockup")
    node, values = said.split()[-2:]
    kept = pi.machine.run(f"cat {FILE}")
    settings = json.loads(kept) | {"signal_gpio": LINES}
    try:
        # The rule of udev names the drivers of real boards.
        pi.machine.run(f"sudo chgrp pi-auto-capture {node} && sudo chmod 0660 {node}")
        pi.machine.run(f"echo {shlex.quote(json.dumps(settings))} | sudo tee {FILE} >/dev/null")
        pi.machine.run(f"sudo systemctl restart {CAPTURE}")
        pi.wait_for_services()
        yield Header(pi.machine, node, values)
    finally:
        pi.machine.network(on=True)
        pi.machine.run(f"echo {shlex.quote(kept)} | sudo tee {FILE} >/dev/null; sudo systemctl restart {CAPTURE}")
        as_root(pi.machine, _TAKE_AWAY)
        pi.wait_for_services()


def doctor(machine: Machine) -> dict[str, str]:
    told = json.loads(machine.run("sudo pi-auto-client doctor --json", check=False))
    found: dict[str, str] = next(each for each in told["findings"] if each["name"] == "signals")
    return found


def test_a_lamp_tells_what_is_stored_and_another_that_all_of_it_is_sent(pi: Appliance, header: Header) -> None:
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    wait_until(lambda: header.is_lit("sent"), pi.patience, "the server has everything")
    header.watch("stored", 60 * pi.machine.slow)
    pi.machine.network(on=False)
    code = pi.scan()
    wait_until(lambda: header.watched()[:3] == ["0", "1", "0"], pi.patience, "one flash for what is stored")
    assert not header.is_lit("sent")
    pi.machine.network(on=True)
    pi.site.wait_for(code)
    wait_until(lambda: header.is_lit("sent"), pi.patience, "the server has everything again")


def test_the_lines_are_dark_when_capture_has_stopped(pi: Appliance, header: Header) -> None:
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    wait_until(lambda: header.is_lit("sent"), pi.patience, "the server has everything")
    pi.machine.run(f"sudo systemctl stop {CAPTURE}")
    assert not any(header.is_lit(role) for role in LINES)
    pi.machine.run(f"sudo systemctl start {CAPTURE}")
    wait_until(lambda: header.is_lit("sent"), pi.patience, "it is known after a start as well")


def test_a_chip_that_capture_may_not_use_is_told_and_scanning_goes_on(pi: Appliance, header: Header) -> None:
    assert doctor(pi.machine)["state"] == "ok"
    pi.machine.run(f"sudo chgrp root {header.node} && sudo systemctl restart {CAPTURE}")
    pi.wait_for_services()
    pi.have_scanner()
    pi.site.wait_for(pi.scan())
    found = doctor(pi.machine)
    assert (found["state"], "Permission denied" in found["what"]) == ("warn", True)
