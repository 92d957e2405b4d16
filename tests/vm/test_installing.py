"""Installing when something is in the way, over an older version, and removing: one bare Pi, in this order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.releases import release_of
from support.vm.appliance import AGENT, Appliance
from support.vm.figures import Figures
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.site import Site
from support.waiting import wait_until

pytestmark = pytest.mark.unhurried
KEPT = ("/var/lib/pi-auto-client", "/etc/pi_auto_client.json", "/var/log/pi_auto_client.log")
PLACES = (
    "/opt/pi-auto-client /var/lib/pi-auto-client /etc/pi_auto_client.json /var/log/pi_auto_client.log*"
    " /usr/local/bin/pi-auto-client /etc/systemd/system/*pi-auto* /etc/systemd/system/*.wants/pi-auto*"
    " /etc/udev/rules.d/*pi-auto* /etc/*.d/*pi-auto* /etc/systemd/*.d/*pi-auto* /run/pi-auto*"
)


@pytest.fixture(scope="module")
def bare(
    machine: Machine, site: Site, dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Appliance]:
    """A second Pi on which nothing was installed yet; the first is switched off meanwhile."""
    if machine.is_on:
        machine.shut_down()
    with Machine(image(machine.kind_name), tmp_path_factory.mktemp("bare")) as other:
        pi = Appliance(other, site)
        pi.copy_in(dist)
        yield pi


@pytest.fixture(autouse=True)
def nothing_is_damaged(bare: Appliance) -> Iterator[None]:
    yield
    assert bare.damaged() == []


def everything_of_ours(pi: Appliance) -> list[str]:
    return pi.machine.run(f"sudo sh -c 'ls -d {PLACES} 2>/dev/null'", check=False).split()


def test_no_network_is_told_plainly_where_a_package_is_missing(bare: Appliance) -> None:
    bare.machine.run("sudo dpkg --purge logrotate")
    bare.machine.network(on=False)
    code, said = bare.install(check=False)
    assert code == 1
    assert "logrotate could not be installed: there is no network" in said
    assert "Traceback" not in said
    assert everything_of_ours(bare) == []


def test_it_installs_once_the_network_is_back(bare: Appliance, site: Site) -> None:
    bare.machine.network(on=True)
    wait_until(
        lambda: bare.machine.status_of(f"curl -s {site.plain}/api/health")[0] == 0, 60, "the network is back"
    )
    bare.install()
    assert bare.machine.run("command -v /usr/sbin/logrotate")
    bare.plug_in()
    bare.site.wait_for(bare.scan())


def test_uninstalling_with_keep_data_leaves_what_it_names(bare: Appliance) -> None:
    bare.machine.run(f"sudo systemctl stop {AGENT}")
    bare.scan()
    said = bare.machine.run("sudo /opt/pi-auto-client/uninstall.sh --keep-data")
    assert set(everything_of_ours(bare)) == set(KEPT)
    assert all(place in said for place in KEPT)
    assert bare.machine.run("id pi-auto && id pi-auto-capture")


def test_it_installs_without_network_where_nothing_is_missing(bare: Appliance) -> None:
    """And finds again what was kept: the scan that had not been delivered arrives."""
    bare.machine.network(on=False)
    code, said = bare.install()
    assert code == 0
    assert "it goes on trying" in said or "healthy" in said
    bare.machine.network(on=True)
    bare.wait_until_all_is_there()


def test_an_upgrade_keeps_queue_identity_and_settings(
    bare: Appliance, dist: Path, tmp_path: Path, figures: Figures
) -> None:
    older = tmp_path / "pi_auto_client.py"
    older.write_bytes(release_of("0.0.1"))
    bare.machine.run("sudo /opt/pi-auto-client/uninstall.sh --keep-data")
    bare.machine.copy_in(older)
    bare.install()
    bare.have_scanner()
    bare.site.wait_for(bare.scan())
    was = device(bare)
    assert release(bare) == "0.0.1"
    bare.machine.network(on=False)
    waiting = [bare.scan() for _ in range(5)]

    bare.copy_in(dist)
    begun = time.monotonic()
    bare.install()
    figures.add("upgrade takes", time.monotonic() - begun, "s")
    during = bare.scan()
    bare.machine.network(on=True)

    bare.site.wait_for(*waiting, during)
    bare.wait_until_all_is_there()
    assert release(bare) != "0.0.1"
    assert device(bare) == was
    assert len({scan["device_id"] for scan in bare.site.wait_for(*waiting, during)}) == 1


def test_uninstalling_leaves_nothing(bare: Appliance) -> None:
    bare.wait_until_all_is_there()
    bare.machine.run("sudo /opt/pi-auto-client/uninstall.sh --yes")
    assert everything_of_ours(bare) == []
    assert bare.machine.run("id pi-auto pi-auto-capture 2>/dev/null", check=False) == ""
    assert "pi-auto" not in bare.machine.run("systemctl list-units --all --no-legend; ps -eo args")


def device(pi: Appliance) -> dict[str, object]:
    """What must not change by an upgrade."""
    found: dict[str, object] = json.loads(pi.machine.run("sudo pi-auto-client status --json"))
    return {name: found[name] for name in ("device_id", "server", "registered")}


def release(pi: Appliance) -> str:
    """The version that runs."""
    return pi.machine.run("basename $(readlink /opt/pi-auto-client/current)")
