"""`pi-auto-client clock`: what a person sees and undoes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.clockfloor.floor import Floor, built, keep_floor, kept_floor, told_floor
from pi_auto.client.clockfloor.program import reset_floor, show
from pi_auto.client.clockfloor.raising import PROOF_FILE, Places, floor_of
from support.fleet_home import FleetHome

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2000)  # its server's clock was wrong


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path, os.getuid())
    for folder in (places.folder, places.agent, places.card.parent):
        folder.mkdir(parents=True)
    return places


def test_a_floor_that_was_wrong_is_undone_for_good(places: Places, tmp_path: Path) -> None:
    fleet = FleetHome(tmp_path / "fleet")
    places.card.write_text(json.dumps(fleet.card.to_json()))
    (places.agent / PROOF_FILE).write_text(json.dumps(fleet.proof(LATER)))
    assert floor_of(places) == LATER
    assert reset_floor(places) == 0
    assert floor_of(places) == built()
    assert kept_floor(places.folder, os.getuid()) is None


def test_undoing_follows_no_link(places: Places, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (places.agent / PROOF_FILE).symlink_to(target)
    assert reset_floor(places) == 0
    assert target.read_text() == "kept"
    assert not (places.agent / PROOF_FILE).is_symlink()


def test_undoing_is_not_stopped_by_a_folder_in_the_place_of_the_proof(places: Places) -> None:
    keep_floor(places.folder, Floor(LATER, "fxueatbdjpwi3c"))
    (places.agent / PROOF_FILE).mkdir()
    assert reset_floor(places) == 0
    assert kept_floor(places.folder, os.getuid()) is None


def test_undoing_where_nothing_is_does_nothing(tmp_path: Path) -> None:
    assert reset_floor(Places(tmp_path, os.getuid())) == 0


@pytest.mark.skipif(os.getuid() != 0, reason="a floor that is told is root's")
def test_the_floor_is_shown(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    keep_floor(places.folder, Floor(datetime(2030, 4, 5, 6, 7, 8, tzinfo=UTC), "fxueatbdjpwi3c"))
    assert told_floor(places.folder) is not None
    assert show(places) == 0
    said = capsys.readouterr().out
    assert "signed    2030-04-05 06:07:08 UTC by fleet fxueatbdjpwi3c" in said
    assert "floor     2030-04-05 06:07:08 UTC" in said
