"""The certificate is renewed while the server runs, and whoever shows it is told until it has taken it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.trust.certificates import RENEW_BEFORE, SERVER_LASTS
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.renewal import Renewal

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class House:
    """A fleet whose clock can be set, and two that show its certificate; the hub may be away."""

    def __init__(self, folder: Path) -> None:
        self.now, self.hub_is_away = BEGAN, False
        self.fleet: Fleet = open_fleet(folder / "data", None, (), BEGAN)
        self.shown: dict[str, int] = {}
        self.renewal = Renewal(self.fleet, lambda: self.now, (self._server, self._hub))

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
