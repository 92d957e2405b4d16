"""A virtual Pi of a fleet: installed with the fleet's card, scanned with, asked how it stands."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.vm.appliance import AGENT, CAPTURE, fresh_code
from support.vm.fleet import Fleet
from support.vm.machine import Machine
from support.waiting import wait_until

_REST = 0.3  # seconds after a scanner was opened: what is typed sooner counts as the rest of a code


class FleetPi:
    """What people do with one of a fleet's Pis."""

    def __init__(self, machine: Machine, fleet: Fleet) -> None:
        self.machine, self.fleet = machine, fleet

    def install(self, dist: Path) -> None:
        """The guide's commands, with the fleet's card."""
        self.machine.copy_in(dist / "pi_auto_client.py", dist / "install_pi_client.sh", self.fleet.card)
        self.machine.run("chmod +x install_pi_client.sh")
        command = "sudo ./install_pi_client.sh --card fleet.json"
        code, said = self.machine.status_of(command, timeout=600 * self.machine.slow)
        assert code == 0, f"exit code {code}: {said}"

    def plug_in(self) -> None:
        """A scanner, until it can be scanned with."""
        mark = self.machine.journal.mark()
        self.machine.plug_in("kbd1")
        self.machine.journal.wait_for("scanner opened: ", mark, unit=CAPTURE, timeout=120 * self.machine.slow)
        time.sleep(_REST)

    def scan(self, attempts: int = 6) -> str:
        """Scan a code nobody has scanned before, another one if the emulator spoiled it; which is stored."""
        for _ in range(attempts):
            code, mark = fresh_code(), self.machine.journal.mark()
            self.machine.type(code)
            with suppress(AssertionError):
                wait_until(lambda: self.machine.journal.since(mark, unit=CAPTURE, text=f"text={code}"), 30)  # noqa: B023
                return code
        raise AssertionError(f"{attempts} codes in a row were not stored as they were typed")

    def stored(self) -> list[str]:
        """What it has said is stored, whatever became of a code on its way through the emulator."""
        found = self.machine.journal.since(0, unit=CAPTURE, text="barcode stored:")
        return [re.sub(r".* text=", "", entry.text) for entry in found]

    def delivers(self, *codes: str, within: float = 240.0) -> None:
        """Wait until they are booked, each once."""
        wait_until(lambda: set(codes) <= set(self.fleet.booked()), within, f"{codes} are booked")
        assert [self.fleet.booked().count(code) for code in codes] == [1] * len(codes)

    def status(self) -> dict[str, Any]:
        """What `pi-auto-client status --json` says."""
        told: dict[str, Any] = json.loads(self.machine.run("sudo pi-auto-client status --json", check=False))
        return told

    def wait_for_agent(self) -> None:
        """Until the agent runs."""
        wait_until(
            lambda: self.machine.run(f"systemctl is-active {AGENT}", check=False) == "active",
            180 * self.machine.slow, "the agent runs",
        )  # fmt: skip

    def boot(self) -> str:
        """Which boot it is in, as the fleet hears of it."""
        return self.machine.run("cat /proc/sys/kernel/random/boot_id")
