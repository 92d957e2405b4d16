"""An SD card that is moved to another machine: a device of its own, and the former one is kept for its scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.agent.enrolment.device_key import DeviceKey
from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.agent.enrolment.identity import identity_of, stored_identity
from pi_auto.client.agent.enrolment.moving import former_identities, is_former, own_identity
from pi_auto.client.agent.enrolment.ways import serial_of

ONE, OTHER = "10000000aaaa0001", "10000000bbbb0002"


def machine(folder: Path, serial: str) -> Hardware:
    proc = folder / f"proc-{serial}"
    proc.mkdir(exist_ok=True)
    (proc / "cpuinfo").write_text(f"processor\t: 0\nSerial\t\t: {serial}\nModel\t\t: Raspberry Pi\n")
    return Hardware(proc=proc, net=folder / "no-net")


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


def test_a_moved_card_makes_a_new_identity_by_itself_whatever_id_is_set(agent: Path, tmp_path: Path) -> None:
    first = own_identity(agent, "pi-aaaa0001", machine(tmp_path, ONE))
    key = DeviceKey(agent).public
    (agent / "registration.json").write_text("{}")
    second = own_identity(agent, "pi-aaaa0001", machine(tmp_path, OTHER))
    assert (first.device_id, second.device_id) == ("pi-aaaa0001", "pi-bbbb0002")
    assert second.claim != first.claim
    assert serial_of(second) == OTHER
    assert DeviceKey(agent).public != key
    assert not (agent / "registration.json").exists()
    ((place, former),) = former_identities(agent)
    assert (former, DeviceKey(place).public) == (first, key)
    assert serial_of(former) == ONE
    assert own_identity(agent, "pi-aaaa0001", machine(tmp_path, OTHER)) == second


def test_back_in_its_machine_it_is_the_former_device_again(agent: Path, tmp_path: Path) -> None:
    first = own_identity(agent, None, machine(tmp_path, ONE))
    key = DeviceKey(agent).public
    second = own_identity(agent, None, machine(tmp_path, OTHER))
    assert own_identity(agent, None, machine(tmp_path, ONE)) == first
    assert DeviceKey(agent).public == key
    assert is_former(agent, second.device_id)


def test_a_name_that_people_give_later_is_used(agent: Path, tmp_path: Path) -> None:
    own_identity(agent, "till-7", machine(tmp_path, ONE))
    moved = own_identity(agent, "till-7", machine(tmp_path, OTHER))
    assert moved.device_id == "pi-bbbb0002"
    assert own_identity(agent, "till-8", machine(tmp_path, OTHER)).device_id == "till-8"


def test_a_power_cut_at_any_step_of_it_is_made_good(agent: Path, tmp_path: Path) -> None:
    first = own_identity(agent, None, machine(tmp_path, ONE))
    key = DeviceKey(agent).public
    place = agent / "former" / f"{first.device_id}-{ONE}"
    place.mkdir(parents=True)
    (agent / "device_key.pem").rename(place / "device_key.pem")  # and then the power went
    second = own_identity(agent, None, machine(tmp_path, OTHER))
    assert second.device_id == "pi-bbbb0002"
    ((found, former),) = former_identities(agent)
    assert (found, former, DeviceKey(found).public) == (place, first, key)


def test_a_device_of_an_older_release_gets_its_serial_noted_and_stays_itself(agent: Path, tmp_path: Path) -> None:
    before = identity_of(agent, "pi-aaaa0001", Hardware(proc=tmp_path / "none", net=tmp_path / "none"))
    assert before.serial is None
    after = own_identity(agent, "pi-aaaa0001", machine(tmp_path, ONE))
    assert (after.device_id, after.claim, after.serial) == (before.device_id, before.claim, ONE)
    assert stored_identity(agent) == after


def test_a_machine_without_a_serial_never_counts_as_another(agent: Path, tmp_path: Path) -> None:
    first = own_identity(agent, None, machine(tmp_path, ONE))
    assert own_identity(agent, None, Hardware(proc=tmp_path / "none", net=tmp_path / "none")) == first
