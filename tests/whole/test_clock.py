"""A Pi without a clock chip and without a time server, before the real server: its clock is wrong, then right.

The Pi's programs go by a clock that the test holds. Only the kernel's part, setting it, is the test's:
what is done to it is decided by root's helper.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.clock import clock_synced
from pi_auto.client.clockfloor.floor import kept_floor
from pi_auto.client.clockfloor.raising import PROOF_FILE, Clock, Places, raise_clock
from support.faked_clock import FakedClock, can_be_built
from support.fleet_house import FleetHouse
from support.waiting import wait_until

YEAR_1970 = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
YEAR_2099 = datetime(2099, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.skipif(not can_be_built(), reason="needs a C compiler: apt-get install gcc")


class Box:
    """The house's Pi as root sees it: the card in /etc, the agent's folder, the floor."""

    def __init__(self, folder: Path, house: FleetHouse) -> None:
        self.clock, self._house = FakedClock(folder), house
        self.places = Places(folder / "root", os.getuid())
        for place in (self.places.folder, self.places.agent, self.places.card.parent):
            place.mkdir(parents=True)

    def run_helper(self) -> None:
        """What pi-auto-clock.service does."""
        shutil.copyfile(self._house.card_file, self.places.card)
        if self.has_proof():
            shutil.copyfile(self._house.agent_folder / PROOF_FILE, self.places.agent / PROOF_FILE)
        raise_clock(self.places, Clock(self.clock.now, lambda: False, self.clock.set))

    def has_proof(self) -> bool:
        return (self._house.agent_folder / PROOF_FILE).exists()

    def floor(self) -> datetime | None:
        kept = kept_floor(self.places.folder, os.getuid())
        return kept.time if kept else None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[FleetHouse]:
    with FleetHouse(tmp_path) as house:
        yield house


def is_near(moment: datetime | None, real: datetime) -> bool:
    return moment is not None and abs(moment - real) < timedelta(minutes=5)


def scanned(house: FleetHouse, text: str) -> dict[str, Any] | None:
    """That scan in the books, once the API has brought it."""
    return next((scan for scan in house.booked() if scan["text"] == text and scan["api_at"]), None)


def test_a_pi_in_1970_is_believed_by_its_fleet_s_time_and_gets_it_from_root_s_helper(
    house: FleetHouse, tmp_path: Path
) -> None:
    token = house.hand_out_card("--batch", "spring")["batch_token"]
    box = Box(tmp_path, house)
    box.clock.set(YEAR_1970)
    with box.clock.for_what_is_started():
        pi = house.start_pi(token)
    house.scan("IN-1970")
    wait_until(box.has_proof, 60, "the fleet has signed the time")
    first = wait_until(lambda: scanned(house, "IN-1970"), 60, "the scan is delivered while the clock is wrong")
    assert "this clock says 1970-01-01" in pi.log.read_text()
    assert first["synced"] is False or clock_synced()
    assert box.clock.now().year == 1970
    box.run_helper()
    assert is_near(box.floor(), datetime.now(UTC))
    assert is_near(box.clock.now(), datetime.now(UTC))
    house.scan("AFTERWARDS")
    house.all_arrive()
    if not clock_synced():  # else the kernel that all share says that the network has set the clock
        assert is_near(datetime.fromisoformat(first["scanned_at"]), datetime.now(UTC))
        assert house.status()["clock"]["signed"] is None  # this state folder is no root's


def test_a_time_server_s_2099_costs_no_scan_no_waiting_and_no_floor(house: FleetHouse, tmp_path: Path) -> None:
    token = house.hand_out_card("--batch", "spring")["batch_token"]
    box = Box(tmp_path, house)
    with box.clock.for_what_is_started():
        pi = house.start_pi(token)
    house.scan("BEFORE")
    house.all_arrive()
    wait_until(box.has_proof, 60, "the fleet has signed the time")
    box.clock.set(YEAR_2099)
    with box.clock.for_what_is_started():
        house.restart_pi()
    house.scan("IN-2099")
    ahead = wait_until(lambda: scanned(house, "IN-2099"), 60, "the scan is delivered while the clock is ahead")
    assert "this clock says 2099-01-01" in pi.log.read_text()
    if not clock_synced():
        assert is_near(datetime.fromisoformat(ahead["scanned_at"]), datetime.now(UTC))
    box.run_helper()
    assert is_near(box.floor(), datetime.now(UTC))
    assert box.clock.now() > YEAR_2099 - DAY  # nothing sets it back but who has set it so
    box.clock.set(datetime.now(UTC))
    house.scan("AFTERWARDS")
    house.all_arrive()
