"""A master image, and two boxes that are made of it: each is somebody else, and both deliver."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.vm.appliance import Appliance
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.masters import as_card, as_disk, look_into
from support.vm.site import Site

from .conftest import ROOT

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory, dist: Path, site: Site) -> Path:
    """Made of the card that the tests start from, as script/image makes one of Raspberry Pi OS."""
    folder = tmp_path_factory.mktemp("master")
    base, out = as_card(image().disk, folder / "base.img"), folder / "master.img"
    (package,) = dist.glob("*.deb")
    command = [
        str(ROOT / "script/image"), "--base", str(base), "--out", str(out), "--package", str(package),
        "--card", str(site.card), "--ssh-key", str(image().key.with_suffix(".pub")),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    base.unlink()
    return out


@dataclass(frozen=True)
class Box:
    """What one copy said of itself."""

    device_id: str
    machine_id: str
    host_key: str
    seed: str


@pytest.fixture(scope="module")
def boxes(master: Path, tmp_path_factory: pytest.TempPathFactory, site: Site) -> list[Box]:
    """Two copies, started for the first time, each with a scanner that reads a code."""
    disk, boxes = as_disk(master), []
    for _ in range(2):
        with Machine(image(), tmp_path_factory.mktemp("copy"), base=disk) as machine:
            boxes.append(first_boot(Appliance(machine, site)))
    return boxes


def first_boot(pi: Appliance) -> Box:
    pi.have_scanner()
    (arrived,) = pi.site.wait_for(pi.scan())
    return Box(
        device_id=arrived["device_id"],
        machine_id=pi.machine.run("cat /etc/machine-id"),
        host_key=pi.machine.run("cat /etc/ssh/ssh_host_ed25519_key.pub"),
        seed=pi.machine.run("sudo sha256sum /var/lib/systemd/random-seed"),
    )


def test_nothing_in_the_master_is_the_same_for_all_but_what_lets_the_batch_in(master: Path) -> None:
    same = (
        "ls -A etc/ssh | grep ssh_host_; cat etc/machine-id; ls -A var/lib/pi-auto-client/* | grep -v :;"
        "ls var/lib/systemd/random-seed var/log/journal/* 2>/dev/null;"
        "grep device_id etc/pi_auto_client.json; true"
    )
    assert look_into(master, same, partitioned=True).split() == ["batch_token"]


def test_no_password_opens_the_master(master: Path) -> None:
    assert set(look_into(master, "cut -d: -f2 etc/shadow", partitioned=True).split()) == {"*"}


def test_each_copy_makes_its_own_identity_and_both_deliver(boxes: list[Box]) -> None:
    first, second = boxes
    assert first.device_id != second.device_id
    assert first.device_id.startswith("pi-")
    assert first.machine_id != second.machine_id
    assert len(first.machine_id) == len(second.machine_id) == 32
    assert first.host_key != second.host_key
    assert first.seed != second.seed
