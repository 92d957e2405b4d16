"""A virtual Pi that takes updates of a fleet: releases are signed, put where the agent puts them, and followed.

What is handed over by hand is the agent's own work elsewhere; from there on nothing is helped along.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pi_auto.wire.release import Release
from support.releases import release_of
from support.update_fleet import UpdateFleet, hand_over
from support.vm.appliance import Appliance
from support.waiting import wait_until

STATE, OPT = "/var/lib/pi-auto-client", "/opt/pi-auto-client"
DEADLINE, STABLE = 90, 8  # seconds, for what may take ten minutes and one on a device
ENDS = ("committed", "rolled_back", "refused")
_BUILT = 1_790_000_000
_ROOT = "app/appliance/update_root.json"
_COMMAND = f"/usr/local/bin/pi-auto-switcher --deadline {DEADLINE} --stable {STABLE} --between 0.1"
_DROP_IN = f"[Service]\\nExecStart=\\nExecStart={_COMMAND}\\n"
_NO_WATCHDOG = "/etc/systemd/system.conf.d/zz-rig.conf"


class Updated:
    """A Pi that believes a fleet's releases, and the fleet."""

    def __init__(self, pi: Appliance, folder: Path) -> None:
        self.pi, self.machine, self._folder = pi, pi.machine, folder
        self.fleet = UpdateFleet()
        self._root = self.fleet.roots[0].decode()
        self._number = 0

    def prepare(self) -> None:
        """What runs becomes a release that was built for the fleet, unless it is, and trials are short.

        The watchdog waits no more: an emulator whose machine is busy is reset by it while systemd reads its units.
        """
        (self._folder / "root.json").write_text(self._root)
        if self.machine.status_of(f"cmp -s root.json {OPT}/current/{_ROOT}")[0] == 0:
            return
        self.machine.copy_in(self._folder / "root.json")
        drop_in = "/etc/systemd/system/pi-auto-update.service.d"
        self.machine.run(
            f"sudo install -m 0644 root.json {OPT}/current/{_ROOT} && sudo mkdir -p {drop_in}"
            f" && printf '{_DROP_IN}' | sudo tee {drop_in}/test.conf >/dev/null"
            f" && printf '[Manager]\\nRuntimeWatchdogSec=0\\n' | sudo tee {_NO_WATCHDOG} >/dev/null"
            " && sudo systemctl daemon-reexec && sync"
        )

    def offer(self, changes: Mapping[str, str] | None = None, **custom: Any) -> str:
        """Sign a release with these changes, and hand it over; its version."""
        version = self.lay_ready(changes, **custom)
        self.ask()
        return version

    def lay_ready(self, changes: Mapping[str, str] | None = None, **custom: Any) -> str:
        """The same without a word to anybody."""
        self._number += 1
        version = f"9.0.{self._number}"
        archive = release_of(version, {_ROOT.removeprefix("app/"): self._root} | dict(changes or {}))
        about = Release(version, 100 + self._number, 8 * 1024 * 1024, _BUILT, **custom)
        digest = self.fleet.publish(about.target, archive, about.to_json())
        home = self._folder / version
        home.mkdir()
        request = {"target": about.target, "update_id": digest, "version": version}
        hand_over(home, archive, self.fleet.files(), request)
        packed = self._folder / "update.tar"
        subprocess.run(["tar", "-C", str(home), "-cf", str(packed), "update"], check=True)
        self.machine.copy_in(packed)
        self._place()
        return version

    def offer_again(self) -> None:
        """Hand the newest over once more. An agent that a trial has ended first takes back what is at its end.

        One that was not, as where it was refused, does not know of what it has not handed over itself.
        """
        if self.newest(f"9.0.{self._number}") == "rolled_back":
            lies = f"sudo test -e {STATE}/agent/update/ready"
            wait_until(lambda: self.machine.status_of(lies)[0] == 1, 120 * self.machine.slow, "it was taken back")
        self._place()
        self.ask()

    def ask(self) -> None:
        """Make the mark that systemd waits for."""
        self.machine.run("sudo -u pi-auto touch /run/pi-auto-client/update")

    def _place(self) -> None:
        self.machine.run(
            f"sudo rm -rf {STATE}/agent/update/ready && sudo tar -C {STATE}/agent -xf update.tar"
            f" && sudo chown -R pi-auto: {STATE}/agent/update && sync"
        )

    def told(self, version: str) -> list[dict[str, Any]]:
        """The steps that were told of a release."""
        said = self.machine.run(f"cat {STATE}/update-told/told.json", check=False)
        try:
            steps = json.loads(said)["steps"]
        except ValueError:
            return []
        return [step for step in steps if step["version"] == version]

    def newest(self, version: str) -> str:
        """The newest step of a release; nothing where none was told."""
        return next((str(step["step"]) for step in reversed(self.told(version))), "")

    def wait_for(self, version: str, *steps: str, timeout: float = 900.0) -> dict[str, Any]:
        """Until one of these steps is the newest of a release; which it is."""

        def found() -> dict[str, Any] | None:
            newest = self.told(version)[-1:]
            return newest[0] if newest and newest[0]["step"] in steps else None

        return wait_until(found, timeout * self.machine.slow, f"{version} is {' or '.join(steps)}")

    def wait_for_reason(self, version: str, words: str) -> None:
        """Until these words are of the reason of a release's newest step."""
        wait_until(lambda: words in self.told(version)[-1]["reason"], 420 * self.machine.slow, words)

    @property
    def capture(self) -> str:
        """The number of capture's process."""
        return self.machine.run("systemctl show --property=MainPID --value pi-auto-capture").strip()

    @property
    def capture_code(self) -> str:
        """A sum of the code of capture in the release that runs: an earlier case may have changed it."""
        return self.machine.run(
            f"cd {OPT}/current/app && find pi_auto/client/capture -name '*.py' | sort | xargs cat | sha256sum"
        )

    @property
    def current(self) -> str:
        """The version that `current` names."""
        return self.machine.run(f"cat {OPT}/current/app/appliance/version").strip()

    def system_files(self) -> str:
        """Sums of all system files of ours, and the links by which units are started."""
        return self.machine.run(
            "sudo find /etc /usr/local/bin -path '*.service.d' -prune -o -type f -name '*pi-auto*' -print0"
            " | sort -z | xargs -0 sudo sha256sum; sudo find /etc/systemd -type l -name '*pi-auto*' | sort"
        )
