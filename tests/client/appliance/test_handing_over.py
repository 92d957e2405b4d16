"""An installer's card on a device that has got one by itself: it stays its fleet's unless a person says so."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.handing_over import HandingOver
from pi_auto.client.binding.keeping import BY_CODE, Bond, keep_bond, kept_bond
from support.fleet_home import FleetHome


def test_a_card_of_another_fleet_than_the_bound_one_is_refused(tmp_path: Path) -> None:
    ours, other = FleetHome(tmp_path / "ours"), FleetHome(tmp_path / "other")
    agent = tmp_path / "root/var/lib/pi-auto-client/agent"
    agent.mkdir(parents=True)
    keep_bond(agent, Bond(ours.card, BY_CODE, datetime.now(UTC), "192.0.2.7:5443"))
    HandingOver(ours.card, tmp_path / "root").refuse_another_fleet()
    with pytest.raises(SetupFailed, match="--change-fleet"):
        HandingOver(other.card, tmp_path / "root").refuse_another_fleet()


def test_a_device_is_bound_once(tmp_path: Path) -> None:
    ours, other = FleetHome(tmp_path / "ours"), FleetHome(tmp_path / "other")
    keep_bond(tmp_path, Bond(ours.card, BY_CODE, datetime.now(UTC), "192.0.2.7:5443"))
    with pytest.raises(FileExistsError):
        keep_bond(tmp_path, Bond(other.card, BY_CODE, datetime.now(UTC), "192.0.2.7:5443"))
    bond = kept_bond(tmp_path)
    assert bond
    assert bond.card.fleet_id == ours.card.fleet_id


@pytest.mark.parametrize("planted", ["a pipe", "a link to a pipe", "a tower of brackets"])
def test_what_the_agents_user_plants_keeps_no_installer_waiting(tmp_path: Path, planted: str) -> None:
    ours = FleetHome(tmp_path / "ours")
    file = tmp_path / "root/var/lib/pi-auto-client/agent/registration.json"
    file.parent.mkdir(parents=True)
    if planted == "a pipe":
        os.mkfifo(file)
    elif planted == "a link to a pipe":
        os.mkfifo(file.with_name("pipe"))
        file.symlink_to("pipe")
    else:
        file.write_bytes(b"[" * 50_000)
    handing_over = HandingOver(ours.card, tmp_path / "root", token="batch_" + "t" * 43)
    installer = threading.Thread(target=handing_over.place_token, daemon=True)
    installer.start()
    installer.join(10)
    assert not installer.is_alive()
    assert handing_over.token_file.read_text() == "batch_" + "t" * 43 + "\n"
