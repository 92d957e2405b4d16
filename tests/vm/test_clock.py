"""A Pi that starts in 1970 and sees no time server: its fleet tells it the time. In order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.vm.figures import Figures
from support.vm.fleet import Fleet
from support.vm.fleet_pi import FleetPi
from support.vm.image import image
from support.vm.machine import HOST, Machine
from support.vm.time_server import TimeServer
from support.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
HELPER, AGENT = "pi-auto-clock.service", "pi-auto-client.service"
FLOOR = "/var/lib/pi-auto-client/clock/floor.json"
PROOF = "/var/lib/pi-auto-client/agent/time-proof.json"
BUILT = "/opt/pi-auto-client/current/app/appliance/built"
YEAR_1970 = "1970-01-01T00:00:20"
# What would set the clock besides us: time servers, and what systemd and others have kept of the time.
NO_TIME_SERVER = """
sudo systemctl disable --quiet --now systemd-timesyncd.service fake-hwclock.service 2>/dev/null
sudo rm -f /var/lib/systemd/timesync/clock /etc/fake-hwclock.data
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory, dist: Path, fleet: Fleet) -> Iterator[Machine]:
    """Installed with the fleet's card, enrolled, and without any time server since."""
    with Machine(image(), tmp_path_factory.mktemp("clock")) as machine:
        FleetPi(machine, fleet).install(dist)
        machine.run(NO_TIME_SERVER, check=False)
        yield machine


def says(pi: Machine) -> datetime:
    """The Pi's clock."""
    return datetime.fromtimestamp(int(pi.run("date +%s")), UTC)


def is_near(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC)) < timedelta(minutes=2)


def floor(pi: Machine) -> datetime:
    """What the helper keeps."""
    return datetime.fromisoformat(json.loads(pi.run(f"cat {FLOOR}"))["time"])


def logs(pi: Machine, words: str) -> bool:
    """Whether the agent's log of this boot has these words."""
    return words in pi.run(f"sudo journalctl --boot --output cat --unit {AGENT}", check=False)


def test_the_fleet_s_time_becomes_the_floor(pi: Machine) -> None:
    # One whose clock is set asks within ten minutes; now it is not any more, so the next start of the agent asks.
    pi.run(f"sudo date -s '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}' --utc && sudo systemctl restart {AGENT}")
    wait_until(
        lambda: pi.run(f"sudo test -e {PROOF} && cat {FLOOR}", check=False), 120 * pi.slow, "a floor is kept"
    )
    assert is_near(floor(pi))
    assert pi.run(f"stat -c '%U %a' {FLOOR}") == "root 644"


def test_a_pi_that_starts_in_1970_is_raised_before_the_agent_starts(pi: Machine, figures: Figures) -> None:
    kept = floor(pi)
    pi.shut_down()
    pi.clock, mark = YEAR_1970, pi.journal.mark()
    pi.power_on()
    wait_until(lambda: pi.run(f"systemctl is-active {AGENT}", check=False) == "active", 120 * pi.slow, "it runs")
    assert says(pi) >= kept
    begun, raised, started = (
        pi.journal.wait_for(words, mark).at
        for words in (f"Starting {HELPER}", f"Finished {HELPER}", f"Starting {AGENT}")
    )
    assert begun <= raised <= started
    figures.add("raising the clock delays the agent by", raised - begun, "s", "")


def test_then_the_fleet_tells_it_the_time(pi: Machine) -> None:
    wait_until(lambda: is_near(says(pi)), 180 * pi.slow, "the clock is right")
    assert is_near(floor(pi))
    clock = json.loads(pi.run("sudo pi-auto-client status --json"))["clock"]
    assert clock["trust"] == "fleet"


def test_a_pi_that_has_lost_its_floor_asks_for_the_time_though_certificates_are_not_valid_yet(pi: Machine) -> None:
    pi.run(f"sudo systemctl stop {AGENT} pi-auto-clock.path && sudo pi-auto-client clock --reset-floor")
    pi.run(f"echo 0 | sudo tee {BUILT}")  # a release that was built before the fleet was made
    pi.run("sudo date -s '1980-01-01 00:00:00' --utc")
    pi.run(f"sudo systemctl start {AGENT}")
    wait_until(lambda: is_near(says(pi)), 180 * pi.slow, "the clock is right")


def test_a_time_server_s_2099_moves_no_floor(pi: Machine) -> None:
    kept = floor(pi)
    pi.run(f"sudo date -s '2099-01-01 00:00:00' --utc && sudo systemctl restart {AGENT} {HELPER}")
    wait_until(lambda: logs(pi, "this clock says 2099-01-01"), 120 * pi.slow, "the log says what is wrong")
    assert floor(pi) - kept < timedelta(hours=1)
    pi.run(f"sudo date -s '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}' --utc")


def test_a_forged_time_server_moves_no_floor_either(pi: Machine, fleet: Fleet) -> None:
    """By NTP itself, as the Pi believes it: no later year than 2036 can be told by that."""
    kept = floor(pi)
    with TimeServer(datetime(2036, 1, 1, tzinfo=UTC)) as forged:
        pi.run("sudo mkdir -p /run/systemd/timesyncd.conf.d")
        pi.run(f"printf '[Time]\\nNTP={HOST}\\n' | sudo tee /run/systemd/timesyncd.conf.d/forged.conf")
        pi.run("sudo systemctl restart systemd-timesyncd")
        wait_until(lambda: says(pi).year == 2036, 120 * pi.slow, "the Pi believes it")
        pi.run(f"sudo systemctl restart {AGENT} {HELPER}")
        wait_until(lambda: logs(pi, "this clock says 2036-01-01"), 120 * pi.slow, "the log says what is wrong")
        box = FleetPi(pi, fleet)
        box.plug_in()
        box.delivers(box.scan())  # by the time that the fleet has signed
    assert forged.asked
    assert floor(pi) - kept < timedelta(hours=1)
    pi.run("sudo systemctl stop systemd-timesyncd && sudo rm -r /run/systemd/timesyncd.conf.d")
    pi.run(f"sudo date -s '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}' --utc")
    box.delivers(box.scan())


def test_the_helper_can_do_nothing_else(pi: Machine) -> None:
    """By the kernel's word, in the sandbox of its unit."""
    properties = pi.run(f"systemctl show -P CapabilityBoundingSet -P PrivateNetwork -P NoNewPrivileges {HELPER}")
    assert properties.split() == ["cap_sys_time", "yes", "yes"]
    assert pi.run(f"systemctl show -P Result {HELPER}") == "success"
