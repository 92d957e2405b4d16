"""A Pi that starts in 1970 and sees no time server: its fleet tells it the time. In order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.simulator.program import Program
from support.vm.figures import Figures
from support.vm.image import image
from support.vm.machine import HOST, Machine
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


class House:
    """A server with --trust on, on this machine."""

    def __init__(self, folder: Path) -> None:
        self._data, self.card = folder / "data", folder / "fleet.json"
        self._server = Program(
            "pi_auto.server.cli", "run", "--data", str(self._data), "--trust", "on", "--http", "off",
            "--https", "127.0.0.1:0", "--hub-mqtt", "0.0.0.0:0", "--insecure-plain-mqtt",
            log=folder / "server.log",
        )  # fmt: skip
        port = self._server.start()["https"].rpartition(":")[2]
        self.card.write_text(
            self.ask("fleet", "card", "--address", f"{HOST}:{port}", "--batch", "clock", "--most", "5")
        )

    def ask(self, *words: str) -> str:
        """What a command of the administrator says."""
        command = [sys.executable, "-m", "pi_auto.server.cli", *words, "--data", str(self._data)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.stop()


@pytest.fixture(scope="module")
def pi(tmp_path_factory: pytest.TempPathFactory, dist: Path, house: House) -> Iterator[Machine]:
    """Installed with the fleet's card, enrolled, and without any time server since."""
    with Machine(image(), tmp_path_factory.mktemp("clock")) as machine:
        machine.copy_in(dist / "pi_auto_client.py", dist / "install_pi_client.sh", house.card)
        machine.run("chmod +x install_pi_client.sh")
        code, said = machine.status_of("sudo ./install_pi_client.sh --card fleet.json", timeout=600 * machine.slow)
        assert code == 0, said
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
    pi.clock = YEAR_1970
    pi.power_on()
    wait_until(lambda: pi.run(f"systemctl is-active {AGENT}", check=False) == "active", 120 * pi.slow, "it runs")
    assert says(pi) >= kept
    raised, started = (
        int(pi.run(f"systemctl show -P {what} {unit}"))
        for what, unit in (("InactiveEnterTimestampMonotonic", HELPER), ("ExecMainStartTimestampMonotonic", AGENT))
    )
    begun = int(pi.run(f"systemctl show -P ExecMainStartTimestampMonotonic {HELPER}"))
    assert raised <= started or begun > started  # in the latter case it has run again since, for a new proof
    figures.add("raising the clock delays the agent by", (raised - begun) / 1e6, "s", "")


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
    wait_until(
        lambda: "and the fleet that it is" in pi.run("sudo pi-auto-client status", check=False),
        120 * pi.slow, "the status says what is wrong",
    )  # fmt: skip
    assert floor(pi) - kept < timedelta(hours=1)
    pi.run(f"sudo date -s '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}' --utc")


def test_the_helper_can_do_nothing_else(pi: Machine) -> None:
    """By the kernel's word, in the sandbox of its unit."""
    properties = pi.run(f"systemctl show -P CapabilityBoundingSet -P PrivateNetwork -P NoNewPrivileges {HELPER}")
    assert properties.split() == ["cap_sys_time", "yes", "yes"]
    assert pi.run(f"systemctl show -P Result {HELPER}") == "success"
