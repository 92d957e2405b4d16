"""Updates on a virtual Pi: signed releases, good ones and broken ones, while scans are typed and the power goes.

What the agent does is done here by hand: the release is put where the agent would put it, as its user.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pi_auto.wire.release import Release
from support.releases import release_of
from support.update_fleet import UpdateFleet, hand_over
from support.vm.appliance import Appliance
from support.vm.figures import Figures
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.site import Site
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
BASE = "9.0.0"
STATE, OPT = "/var/lib/pi-auto-client", "/opt/pi-auto-client"
DEADLINE, STABLE = 90, 8  # seconds, for what may take ten minutes and one on a device
_BUILT = 1_790_000_000
_CUTS = {False: 3, True: 30}
_ENDS = ("committed", "rolled_back", "refused")
_AGENT, _CAPTURE = "pi_auto/client/agent/program.py", "pi_auto/client/capture/program.py"
_COMMAND = f"/usr/local/bin/pi-auto-switcher --deadline {DEADLINE} --stable {STABLE} --between 0.1"
_DROP_IN = f"[Service]\\nExecStart=\\nExecStart={_COMMAND}\\n"


def changed(version: str, changes: Mapping[str, str]) -> bytes:
    """The present code as a release of another version, with some files changed or added."""
    sys.path.insert(0, str(ROOT / "packaging"))
    try:
        from archive import as_zipapp  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
        from contents import File  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    finally:
        sys.path.pop(0)
    with zipfile.ZipFile(BytesIO(release_of(version))) as opened:
        files = {
            member.filename: (opened.read(member), bool(member.external_attr >> 16 & 0o100))
            for member in opened.infolist()
        }
    files |= {name: (text.encode(), False) for name, text in changes.items()}
    made: bytes = as_zipapp(sorted(File(name, *held) for name, held in files.items()), _BUILT)
    return made


class Updated:
    """A Pi that believes a fleet's releases, and the fleet."""

    def __init__(self, pi: Appliance, folder: Path) -> None:
        self.pi, self.machine, self._folder = pi, pi.machine, folder
        self.fleet = UpdateFleet()
        self.root = {"appliance/update_root.json": self.fleet.roots[0].decode()}
        self._number = 0

    def install(self, installer: Path) -> None:
        """The base release, which has the root of the fleet's updates in it."""
        (self._folder / "pi_auto_client.py").write_bytes(changed(BASE, self.root))
        self.machine.copy_in(self._folder / "pi_auto_client.py", installer)
        self.machine.run("chmod +x install_pi_client.sh")
        self.pi.install()
        drop_in = "/etc/systemd/system/pi-auto-update.service.d/test.conf"
        self.machine.run(
            f"sudo mkdir -p {drop_in.rsplit('/', 1)[0]} && printf '{_DROP_IN}' | sudo tee {drop_in} >/dev/null"
            " && sudo systemctl daemon-reload"
        )

    def offer(self, changes: Mapping[str, str] | None = None, **custom: Any) -> str:
        """Sign a release with these changes, and hand it over; its version."""
        self._number += 1
        version = f"{BASE[:-1]}{self._number}"
        archive = changed(version, self.root | dict(changes or {}))
        about = Release(version, 100 + self._number, 8 * 1024 * 1024, _BUILT, **custom)
        digest = self.fleet.publish(about.target, archive, about.to_json())
        request = {"target": about.target, "update_id": digest, "version": version}
        home = self._folder / version
        home.mkdir()
        hand_over(home, archive, self.fleet.files(), request)
        packed = self._folder / "update.tar"
        subprocess.run(["tar", "-C", str(home), "-cf", str(packed), "update"], check=True)
        self.machine.copy_in(packed)
        self.machine.run(
            f"sudo rm -rf {STATE}/agent/update/ready && sudo tar -C {STATE}/agent -xf update.tar"
            f" && sudo chown -R pi-auto: {STATE}/agent/update && sync"
        )
        self.ask()
        return version

    def ask(self) -> None:
        """Make the mark that systemd waits for."""
        self.machine.run("sudo -u pi-auto touch /run/pi-auto-client/update")

    def told(self, version: str) -> list[dict[str, Any]]:
        """The steps that were told of a release."""
        said = self.machine.run(f"cat {STATE}/update-told/told.json", check=False)
        try:
            steps = json.loads(said)["steps"]
        except ValueError:
            return []
        return [step for step in steps if step["version"] == version]

    def wait_for(self, version: str, *steps: str, timeout: float = 420.0) -> dict[str, Any]:
        """Until one of these steps is the newest of a release; which it is."""

        def found() -> dict[str, Any] | None:
            newest = self.told(version)[-1:]
            return newest[0] if newest and newest[0]["step"] in steps else None

        return wait_until(found, timeout * self.machine.slow, f"{version} is {' or '.join(steps)}")

    @property
    def capture(self) -> str:
        """The number of capture's process."""
        return self.machine.run("systemctl show --property=MainPID --value pi-auto-capture").strip()

    @property
    def current(self) -> str:
        """The version that `current` names."""
        return self.machine.run(f"cat {OPT}/current/app/appliance/version").strip()


@pytest.fixture(scope="module")
def updated(
    machine: Machine, site: Site, dist: Path, tmp_path_factory: pytest.TempPathFactory, others_off: None
) -> Iterator[Updated]:
    """A Pi of its own."""
    del others_off
    with Machine(image(machine.kind_name), tmp_path_factory.mktemp("updated")) as other:
        pi = Appliance(other, site)
        updated = Updated(pi, tmp_path_factory.mktemp("releases"))
        updated.install(dist / "install_pi_client.sh")
        pi.wait_for_services()
        pi.have_scanner()
        yield updated
        assert pi.damaged() == []


def test_scans_go_on_through_an_update_and_none_is_lost_or_doubled(updated: Updated, figures: Figures) -> None:
    begun = time.monotonic()
    mark = updated.pi.journal.mark()
    capture = updated.capture
    version = updated.offer()
    typed: list[str] = []

    def has_ended() -> bool:
        time.sleep(0.5)
        return len(typed) % 5 == 0 and bool(updated.told(version)) and updated.told(version)[-1]["step"] in _ENDS

    typed += updated.pi.keep_scanning(has_ended, 420 * updated.machine.slow)
    assert [step["step"] for step in updated.told(version)] == ["verified", "trial", "committed"]
    assert updated.current == version
    assert updated.capture == capture, "it is the same in both releases, and so is not restarted"
    updated.pi.wait_until_all_is_there()
    stored = [each.text for each in updated.pi.stored(mark) if each.text in typed]
    assert stored == [text for text in typed if text in stored], "in the order in which they were typed"
    lost = [text for text in typed if text not in stored]
    told = updated.pi.journal.since(mark, text="scan_lost:")
    # On a busy emulator capture may be kept from reading for longer than the kernel has room for, and says so.
    assert told or not lost, f"lost without a word: {lost}"
    figures.add("codes lost in an update that leaves capture alone, and told as lost", len(lost), "", "0")
    figures.add("an update, with scans typed all along", time.monotonic() - begun, "s", "")
    figures.add("codes typed meanwhile", len(typed), "", "")


_RUN_AGENT, _RUN_CAPTURE = "def run_agent(*_):\n    ", "def run_capture(*_, **__):\n    "
FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "the agent crashes at its start": ({_AGENT: f"{_RUN_AGENT}raise SystemExit('on purpose')\n"}, "on purpose"),
    "capture crashes at its start": ({_CAPTURE: f"{_RUN_CAPTURE}raise SystemExit('no hands')\n"}, "no hands"),
    "the agent hangs": ({_AGENT: f"import time\n{_RUN_AGENT}time.sleep(9999)\n"}, "does not work"),
    "the agent eats memory": (
        {_AGENT: f"{_RUN_AGENT}held = []\n    while True:\n        held.append(bytearray(2**24))\n"},
        "was started again",
    ),
    "the self-test fails": (
        {"pi_auto/client/appliance/selftest.py": "def self_test() -> int:\n    return 3\n"}, "self-test",
    ),
}  # fmt: skip
SYSTEM = {
    "appliance/system/etc/systemd/system/pi-auto-added.service": "[Service]\nExecStart=/bin/true\n",
    "appliance/system/etc/udev/rules.d/99-pi-auto-added.rules": "# added\n",
    "appliance/system/etc/polkit-1/rules.d/99-pi-auto-added.rules": "// added\n",
    "appliance/system/etc/logrotate.d/pi-auto-client": "/var/log/pi_auto_client.log {\n    weekly\n}\n",
    "appliance/system/usr/local/bin/pi-auto-added": "#!/bin/sh\n",
}


def system_files(updated: Updated) -> str:
    """Sums of all system files of ours."""
    return updated.machine.run(
        "sudo find /etc /usr/local/bin -path '*.service.d' -prune -o -type f -name '*pi-auto*' -print0"
        " | sort -z | xargs -0 sudo sha256sum"
    )


@pytest.mark.unhurried
@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_with_a_fault_is_gone_back_from_and_not_tried_again(updated: Updated, fault: str) -> None:
    changes, reason = FAULTS[fault]
    former, files = updated.current, system_files(updated)
    version = updated.offer(changes | SYSTEM)
    ended = updated.wait_for(version, *_ENDS)
    assert ended["step"] == ("refused" if "self-test" in fault else "rolled_back")
    assert reason in ended["reason"]
    assert updated.current == former
    assert system_files(updated) == files
    updated.pi.wait_for_services()
    updated.pi.site.wait_for(updated.pi.scan())
    updated.ask()
    wait_until(lambda: "failed here before" in updated.told(version)[-1]["reason"], 60 * updated.machine.slow)


@pytest.mark.unhurried
def test_a_release_brings_system_files_and_going_back_by_hand_takes_them_away(updated: Updated) -> None:
    former, files = updated.current, system_files(updated)
    version = updated.offer(SYSTEM)
    updated.wait_for(version, "committed")
    for name in SYSTEM:
        assert updated.machine.status_of(f"test -e /{name.removeprefix('appliance/system/')}")[0] == 0
    assert "weekly" in updated.machine.run("cat /etc/logrotate.d/pi-auto-client")
    said = updated.machine.run("sudo /opt/pi-auto-client/update_client.sh --rollback", timeout=600)
    assert f"version {former} runs again" in said
    assert system_files(updated) == files
    updated.pi.wait_for_services()
    updated.pi.site.wait_for(updated.pi.scan())


@pytest.mark.unhurried
def test_a_server_that_is_cut_off_during_the_trial_blames_no_release(updated: Updated) -> None:
    former = updated.current
    version = updated.offer()
    updated.wait_for(version, "trial")
    cut = "sudo iptables -I OUTPUT -d 10.0.2.0/24 -j REJECT || sudo ip route add blackhole 10.0.2.2/32"
    updated.machine.run(cut, check=False)
    try:
        ended = updated.wait_for(version, "rolled_back", "committed")
    finally:
        mend = "sudo iptables -D OUTPUT -d 10.0.2.0/24 -j REJECT; sudo ip route del blackhole 10.0.2.2/32"
        updated.machine.run(mend, check=False)
    if ended["step"] == "rolled_back":
        assert "was reached" in ended["reason"]
        assert updated.current == former
        updated.ask()
        updated.wait_for(version, "committed")


@pytest.mark.unhurried
def test_the_power_may_go_at_any_moment_of_an_update(
    updated: Updated, chance: random.Random, *, long: bool
) -> None:
    """Each time one good release runs and scans, and the update is finished or gone back from by itself."""
    for _ in range(_CUTS[long]):
        former = updated.current
        version = updated.offer()
        moments: list[Callable[[], object]] = [
            lambda: time.sleep(chance.uniform(0, 30)),
            lambda version=version: updated.wait_for(version, "trial"),  # type: ignore[misc]
        ]
        chance.choice(moments)()
        time.sleep(chance.uniform(0, 5))
        updated.machine.pull_the_plug()
        mark = updated.pi.journal.mark()
        updated.machine.power_on()
        updated.pi.wait_for_scanner("kbd1", mark)
        updated.pi.wait_for_services()
        assert updated.current in (former, version)
        updated.pi.site.wait_for(updated.pi.scan())
        if not updated.told(version) or updated.told(version)[-1]["step"] == "verified":
            updated.ask()
        ended = updated.wait_for(version, "committed", "rolled_back")
        assert updated.current == (version if ended["step"] == "committed" else former)
    updated.pi.wait_until_all_is_there()
