"""Root's own count of reboots, for an agent that counts none: the script itself, in a mount namespace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "install/system/usr/local/bin/pi-auto-reboot"
# What the script takes from the machine stands in its place: how long that has run, root's folder, and systemd.
_INSIDE = """
mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/pi-auto-client
mount --bind "$HERE/state" /var/lib/pi-auto-client
mount --bind "$HERE/uptime" /proc/uptime
sed "s|/usr/bin/systemctl|$HERE/systemctl|" "$SCRIPT" >"$HERE/script"
exec sh "$HERE/script"
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a mount namespace")


class Machine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "state").mkdir()
        (folder / "systemctl").write_text('#!/bin/sh\necho "$@"\n')
        (folder / "systemctl").chmod(0o755)

    @property
    def counted(self) -> Path:
        return self._folder / "state/reboots"

    def reboots(self, up: float) -> bool:
        """Whether it does, asked so many seconds after its start."""
        (self._folder / "uptime").write_text(f"{up:.2f} 1.00\n")
        ran = subprocess.run(
            ["unshare", "--mount", "sh", "-euc", _INSIDE],
            env={"PATH": os.environ["PATH"], "HERE": str(self._folder), "SCRIPT": str(SCRIPT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout) in ((0, "reboot\n"), (1, "")), ran
        return ran.returncode == 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_three_may_follow_each_other_and_the_next_comes_once_it_has_run_for_an_hour(machine: Machine) -> None:
    assert [machine.reboots(20) for _ in range(5)] == [True, True, True, False, False]
    assert [machine.reboots(3599.99), machine.reboots(3600), machine.reboots(20)] == [False, True, True]


def test_those_of_a_day_are_never_in_the_way(machine: Machine) -> None:
    assert all(machine.reboots(4 * 3600) for _ in range(10))


@pytest.mark.parametrize("content", ["", "\n", "many\n", "-1\n", "99999999999999999999\n"])
def test_a_count_that_a_power_cut_has_spoiled_keeps_nobody_from_a_reboot(machine: Machine, content: str) -> None:
    machine.counted.write_text(content)
    assert machine.reboots(20)
    assert machine.counted.read_text() == "1\n"


def test_nor_does_a_disk_that_takes_no_count(machine: Machine) -> None:
    machine.counted.with_name("reboots.new").mkdir()  # so that nothing can be written there
    assert machine.reboots(20)
