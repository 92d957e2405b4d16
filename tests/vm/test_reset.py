"""A box that changes hands: what it knew is gone from its disk, and the next owner gets a new one. In order."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.vm.appliance import Appliance
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.masters import look_into
from support.vm.site import Site
from support.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
UNITS = "pi-auto-capture pi-auto-client"
STATE = "/var/lib/pi-auto-client"
RESET = "sudo pi-auto-client factory-reset"
CANARY = "canary-7f3a"
PLANT = f"""
set -e
mkdir -p /var/log/journal /etc/NetworkManager/system-connections /var/lib/bluetooth/AA
systemd-tmpfiles --create --prefix /var/log/journal
journalctl --flush
logger {CANARY}
cd /etc/NetworkManager/system-connections
printf '[connection]\\ntype=wifi\\n[wifi-security]\\npsk={CANARY}\\n' > shop.nmconnection
for file in /tmp/backup_1.zip /var/log/pi_auto_client.log.1 /var/log/syslog.1 /var/lib/bluetooth/AA/info; do
    echo {CANARY} > $file
done
journalctl --sync
"""
FIND = "find / -xdev -type f ! -path /home/pi/look.sh ! -path /home/pi/plant.sh -print0 | xargs -0 grep -las -e "
BEGIN = """
import sys; sys.path.insert(0, "/opt/pi-auto-client/current/app")
from pi_auto.client.appliance.reset import Extent, Reset
reset = Reset(Extent(for_cloning=sys.argv[1] == "for_cloning")).begin()
reset.still(), reset.erase_scans(), print("in the middle")
"""


@pytest.fixture(scope="module")
def next_owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another fleet."""
    site = Site(tmp_path_factory.mktemp("next-owner"))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, dist: Path, site: Site) -> Iterator[Appliance]:
    """Installed, registered, with a scanner; and one scan delivered."""
    with Machine(image(), tmp_path_factory.mktemp("reset")) as machine:
        box = Appliance(machine, site)
        box.copy_in(dist)
        box.install()
        box.have_scanner()
        site.wait_for(box.scan())
        yield box


@pytest.fixture
def pi(box: Appliance) -> Machine:
    """It, as a machine."""
    return box.machine


def write(pi: Machine, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    pi.copy_in(tmp_path / name)


def begin(pi: Machine, tmp_path: Path, extent: str) -> None:
    """Begin a reset and leave it in the middle; written anew, since a power cut may have emptied the file."""
    write(pi, tmp_path, "begin.py", BEGIN)
    assert pi.run(f"sudo python3 -I begin.py {extent}") == "in the middle"


def secrets(pi: Machine) -> dict[str, str]:
    """What this box must not be known by any more."""
    told = json.loads(pi.run("sudo pi-auto-client status --secrets"))
    claim = json.loads(pi.run(f"sudo cat {STATE}/agent/identity.json"))["claim"]
    return {
        "token": told["api_token"],
        "connection string": told["connection_string"].split("SharedAccessKey=")[1],
        "claim": claim,
        "key": pi.run(f"sudo sed -n 2p {STATE}/agent/device_key.pem"),
    }


def active(pi: Machine) -> list[str]:
    return pi.run(f"systemctl is-active {UNITS}", check=False).split()


def test_it_refuses_while_a_scan_is_undelivered(box: Appliance, pi: Machine) -> None:
    pi.run("sudo systemctl stop pi-auto-client")
    box.scan()
    code, said = pi.status_of(f"{RESET} --yes")
    assert (code, "have not been delivered" in said) == (1, True)
    assert active(pi) == ["active", "inactive"]
    assert pi.run(f"sudo ls {STATE}/capture/spool.sqlite")


def test_nothing_that_it_knew_is_left_on_the_disk(box: Appliance, pi: Machine, tmp_path: Path) -> None:
    known, undelivered = secrets(pi), box.stored()[-1].text
    write(pi, tmp_path, "plant.sh", PLANT)
    pi.run("sudo sh plant.sh")
    look = "".join(f"echo '{name}:'; {FIND} '{secret}'\n" for name, secret in known.items())
    look += f"echo planted:; {FIND} {CANARY} -e {undelivered}; journalctl | grep -e {CANARY} -e {undelivered}\n"
    write(pi, tmp_path, "look.sh", look)
    before = pi.run("sudo sh look.sh", check=False).splitlines()
    assert f"{STATE}/agent/identity.json" in before
    assert [line for line in before if line.endswith(".journal")]
    said = pi.run(f"{RESET} --delete-undelivered --forget-server --yes")
    assert "This device is erased" in said
    assert pi.run("sudo sh look.sh", check=False).splitlines() == [*(f"{name}:" for name in known), "planted:"]


def test_both_services_rest_and_would_start_at_the_next_boot(pi: Machine) -> None:
    assert active(pi) == ["inactive", "inactive"]
    assert pi.run(f"systemctl is-enabled {UNITS}").split() == ["enabled", "enabled"]
    assert json.loads(pi.run("cat /etc/pi_auto_client.json")) == {}


def test_the_next_owner_gets_a_new_box(box: Appliance, pi: Machine, next_owner: Site) -> None:
    box.site, mark = next_owner, box.journal.mark()
    box.unlearn()
    pi.reboot()
    wait_until(lambda: active(pi)[0] == "active", 60, "capture is back")
    box.install()
    box.wait_for_scanner("kbd1", mark)
    box.have_scanner()
    next_owner.wait_for(box.scan())
    here = [each.text for each in box.stored(mark)]
    assert [each["text"] for each in next_owner.scans() if each["text"]] == here


def test_a_reset_that_the_power_cut_short_is_finished_before_anything_starts(pi: Machine, tmp_path: Path) -> None:
    former = identity(pi)
    begin(pi, tmp_path, "plain")
    assert identity(pi) == former
    pi.pull_the_plug()
    pi.power_on()
    wait_until(lambda: active(pi) == ["active", "active"], 60, "both services are back")
    assert not pi.run(f"ls {STATE}/factory-reset 2>/dev/null", check=False)
    assert identity(pi) != former
    assert "ordering cycle" not in pi.run("sudo journalctl -b --no-pager")


def test_starting_a_service_finishes_it_as_well(pi: Machine, tmp_path: Path) -> None:
    former = identity(pi)
    begin(pi, tmp_path, "plain")
    pi.run(f"sudo systemctl start {UNITS}")
    wait_until(lambda: active(pi) == ["active", "active"], 60, "both services are back")
    assert not pi.run(f"ls {STATE}/factory-reset 2>/dev/null", check=False)
    assert identity(pi) != former


def identity(pi: Machine) -> str:
    file = f"{STATE}/agent/identity.json"
    return wait_until(lambda: pi.run(f"sudo cat {file}", check=False), 60, "it has an identity")


def test_one_for_cloning_ends_with_a_boot_of_its_own(pi: Machine, tmp_path: Path) -> None:
    former = pi.run("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub").splitlines()
    begin(pi, tmp_path, "for_cloning")
    pi.pull_the_plug()
    pi.power_on()
    now = pi.run("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub").splitlines()
    assert [new for new, old in zip(now, former, strict=True) if new == old] == []
    assert len(now[0]) == 32
    wait_until(lambda: active(pi) == ["active", "active"], 60, "both services are back")


def test_a_card_for_cloning_holds_nothing_that_copies_would_share(pi: Machine, tmp_path: Path) -> None:
    pi.run(f"{RESET} --for-cloning --delete-undelivered --yes --power-off", check=False)
    pi.wait_until_off()
    raw = tmp_path / "card.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(pi.disk), str(raw)], check=True)
    shared = (
        "ls -A etc/ssh | grep ssh_host_; cat etc/machine-id; ls -A var/lib/pi-auto-client/* | grep -v :;"
        "ls var/lib/systemd/random-seed var/log/journal/* 2>/dev/null; true"
    )
    assert look_into(raw, shared, partitioned=False).split() == []


def test_and_starts_as_a_box_of_its_own_that_the_fleet_takes_in_by_an_operators_yes(
    box: Appliance, pi: Machine, next_owner: Site
) -> None:
    """Its card is the fleet's still, and its batch token is gone: the serial is known by an erased key."""
    mark = box.journal.mark()
    pi.power_on()
    assert len(pi.run("cat /etc/machine-id")) == 32
    wait_until(lambda: active(pi) == ["active", "active"], 60, "both services are back")
    assert box.status()["server"] == next_owner.name
    box.unlearn()
    box.wait_for_scanner("kbd1", mark)
    waiting = box.scan()
    box.is_let_in()
    next_owner.wait_for(waiting, timeout=300)
