"""The certificate is renewed while the server runs, and whoever shows it is told until it has taken it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.trust.certificates import RENEW_BEFORE, SERVER_LASTS
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.renewal import Renewal
from pi_auto.wire.fleet_proof import FleetProof

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class House:
    """A fleet whose clock can be set, and two that show its certificate; the hub may be away."""

    def __init__(self, folder: Path) -> None:
        self.now, self.hub_is_away = BEGAN, False
        self.fleet: Fleet = open_fleet(folder / "data", None, (), BEGAN)
        self.shown: dict[str, int] = {}
        self.found: tuple[str, ...] = ()  # what the machine is called
        self.renewal = Renewal(self.fleet, lambda: self.now, (self._server, self._hub), lambda: self.found)

    def serial(self) -> int:
        return self.fleet.certificate.read().serial_number

    def _server(self) -> None:
        self.shown["server"] = self.serial()

    def _hub(self) -> None:
        if self.hub_is_away:
            raise HubUnavailable("it is starting")
        self.shown["hub"] = self.serial()


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "data").mkdir()
    return House(tmp_path)


def test_a_certificate_that_lasts_is_left_alone(house: House) -> None:
    before = house.serial()
    house.now = BEGAN + SERVER_LASTS - RENEW_BEFORE - timedelta(hours=1)
    house.renewal.look()
    assert (house.serial(), house.shown) == (before, {})


def test_a_certificate_is_renewed_a_month_before_its_end_and_shown(house: House) -> None:
    before = house.serial()
    house.now = BEGAN + SERVER_LASTS - RENEW_BEFORE + timedelta(hours=1)
    house.renewal.look()
    assert house.serial() != before
    assert house.shown == {"server": house.serial(), "hub": house.serial()}
    assert house.fleet.certificate_ends() == house.now + SERVER_LASTS


def test_a_hub_that_is_away_is_told_when_it_is_back_and_nobody_twice(house: House) -> None:
    house.hub_is_away = True
    ends, shown = house.renewal.rotate()
    assert (ends, shown) == (BEGAN + SERVER_LASTS, False)
    house.shown.clear()
    house.hub_is_away = False
    house.renewal.look()
    assert house.shown == {"hub": house.serial()}
    house.shown.clear()
    house.renewal.look()
    assert house.shown == {}


def test_a_disk_that_fails_is_told_and_tried_again(house: House, caplog: pytest.LogCaptureFixture) -> None:
    before = house.serial()
    house.now = BEGAN + SERVER_LASTS
    folder = house.fleet.certificate.file.parent
    folder.rename(folder.with_name("gone"))
    with caplog.at_level(logging.ERROR):
        house.renewal.look()
    assert "cannot be used" in caplog.text
    folder.with_name("gone").rename(folder)
    house.renewal.look()
    assert house.serial() != before


def borne(house: House) -> set[str]:
    named = house.fleet.certificate.read().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in named}


def test_a_new_address_of_the_machine_is_borne_within_a_day_and_an_old_one_leaves_with_it(house: House) -> None:
    house.found = ("tills", "tills.local", "10.0.0.7", "8.8.8.8")
    house.renewal.rotate()
    usual = {f"{house.fleet.fleet_id}.pi-auto", "localhost", "127.0.0.1", "::1", "tills.local"}
    assert borne(house) == usual | {"10.0.0.7"}
    house.found = ("tills.local", "10.0.0.8")
    house.now += timedelta(hours=24)
    house.renewal.look()
    assert borne(house) == usual | {"10.0.0.8"}
    assert house.shown["hub"] == house.serial()
    proof = FleetProof.from_json(house.fleet.prove("n" * 43, house.now).content())
    assert proof.proves(house.fleet.fleet_id, "n" * 43, "tills.local") is not None  # names for browsers alone


def test_an_address_that_changes_all_the_time_makes_one_certificate_a_day(house: House) -> None:
    made = set()
    for hour in range(1, 5 * 24 + 1):
        house.now = BEGAN + timedelta(hours=hour)
        house.found = (f"10.0.0.{hour}",)
        house.renewal.look()
        made.add(house.serial())
    assert len(made) == 6  # five, and the one of the start


def test_an_address_that_is_gone_makes_no_certificate(house: House) -> None:
    house.found = ("10.0.0.7", "tills.local")
    house.renewal.rotate()
    before = house.serial()
    for found in ((), ("tills.local",), ("tills.local", "10.0.0.7")):
        house.found = found
        house.now += timedelta(days=1)
        house.renewal.look()
        assert house.serial() == before
    again = open_fleet(house.fleet.certificate.file.parents[1], None, (), house.now, ("tills.local",))
    assert again.certificate.read().serial_number == before
