"""A Pi with a fleet card and the real server: taken in as the fleet's policy says, and no scan is lost over it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from support.fleet_home import FleetHome
from support.fleet_house import DEVICE, SERIAL, FleetHouse
from support.waiting import wait_until


def test_a_device_that_waits_for_an_operator_scans_on_and_delivers_everything_once_approved(
    tmp_path: Path,
) -> None:
    with FleetHouse(tmp_path) as house:
        house.hand_out_card()
        house.start_pi()
        house.scan("WAITING-1", "WAITING-2")
        key = house.key()
        wait_until(lambda: house.is_told("waits until an operator approves it"), 60, "the status says so")
        remedy = house.status()["enrolment"]["remedy"]
        assert remedy == f"on the server: pi-auto-server enrolment approve {SERIAL} {key[:16]}"
        assert house.booked() == []
        assert key[:16] in house.ask_admin("enrolment", "pending")
        house.ask_admin(*remedy.removeprefix("on the server: pi-auto-server ").split())
        house.scan("APPROVED-1")
        house.all_arrive()
        assert house.status()["enrolment"]["ok"]
        assert house.ask_admin("enrolment", "pending") == "no device waits"


def test_a_batch_token_lets_one_in_at_once_is_erased_and_counted(tmp_path: Path) -> None:
    with FleetHouse(tmp_path) as house:
        house.ask_admin("enrolment", "policy", "batch")
        card = house.hand_out_card("--batch", "spring", "--most", "1")
        house.start_pi(card["batch_token"])
        house.scan("BATCH-1")
        house.all_arrive()
        assert not (house.agent_folder / "batch_token").exists()
        # The same card in another box: used up.
        (house.agent_folder / "batch_token").write_text(card["batch_token"])
        house.ask_admin("enrolment", "decommission", DEVICE)
        house.scan("BATCH-2")
        wait_until(lambda: house.is_told("run out or used up"), 90, "the status says so")
        assert (house.agent_folder / "batch_token").exists()


def test_a_closed_fleet_says_so_and_takes_in_whom_it_was_told_of(tmp_path: Path) -> None:
    with FleetHouse(tmp_path) as house:
        house.ask_admin("enrolment", "policy", "closed")
        house.hand_out_card()
        house.start_pi()
        house.scan("CLOSED-1")
        wait_until(lambda: house.is_told("takes in only devices that it was told of"), 60, "the status says so")
        house.ask_admin("enrolment", "policy", "preauthorised")
        house.ask_admin("enrolment", "preauthorise", SERIAL, "--fingerprint", house.key())
        house.all_arrive()


def test_a_revoked_device_is_told_in_words_keeps_its_scans_and_delivers_them_once_that_is_lifted(
    tmp_path: Path,
) -> None:
    with FleetHouse(tmp_path) as house:
        house.start_pi(house.hand_out_card("--batch", "spring")["batch_token"])
        house.scan("BEFORE")
        house.all_arrive()
        house.ask_admin("enrolment", "revoke", DEVICE)
        house.scan("REVOKED-1", "REVOKED-2")
        wait_until(lambda: house.is_told("an operator has shut it out"), 90, "the status says so")
        assert len(house.booked()) == 1
        house.ask_admin("enrolment", "lift", DEVICE)
        house.all_arrive(150)


def test_a_lost_key_makes_the_device_wait_until_an_operator_knows_it_again(tmp_path: Path) -> None:
    with FleetHouse(tmp_path) as house:
        house.start_pi(house.hand_out_card("--batch", "spring")["batch_token"])
        house.scan("BEFORE")
        house.all_arrive()
        former = house.key()
        assert house.pi
        house.pi.client.stop()
        (house.agent_folder / "device_key.pem").unlink()
        (house.agent_folder / "registration.json").unlink()
        house.pi.start()
        house.scan("OTHER-KEY")
        wait_until(lambda: house.is_told("its serial is known with another key"), 60, "the status says so")
        assert house.key() != former
        house.ask_admin("enrolment", "approve", SERIAL, house.key()[:16])
        house.all_arrive()


def test_a_server_that_is_started_anew_with_another_certificate_is_known_again(tmp_path: Path) -> None:
    with FleetHouse(tmp_path) as house:
        house.start_pi(house.hand_out_card("--batch", "spring")["batch_token"])
        house.scan("BEFORE")
        house.all_arrive()
        house.server.stop()
        certificate = house.data / "trust" / "server.pem"
        former = certificate.read_bytes()
        certificate.unlink()
        house.scan("AWAY")
        house.start_server()
        assert certificate.read_bytes() != former
        house.scan("AFTER")
        house.all_arrive()


@pytest.fixture
def short_lived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetHouse:
    """A house whose tokens last six seconds."""
    monkeypatch.setenv("PI_AUTO_TEST_TOKEN_LIFE", "6")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}")
    return FleetHouse(tmp_path, program=("-m", "support.short_tokens"))


def clones(house: FleetHouse) -> int:
    """How often the server took the device for two."""
    with closing(sqlite3.connect(f"file:{house.data / 'books.sqlite'}?mode=ro", uri=True)) as books:
        return int(books.execute("SELECT count(*) FROM audit WHERE action = 'clone'").fetchone()[0])


def test_tokens_are_renewed_long_before_they_run_out_while_scans_flow(short_lived: FleetHouse) -> None:
    with short_lived as house:
        house.start_pi(house.hand_out_card("--batch", "spring")["batch_token"])
        seen: set[str] = set()

        def renewed() -> bool:
            house.scan(f"SCAN-{len(house.stored())}")
            seen.add(house.token() or "")
            return len(seen - {""}) >= 4

        wait_until(renewed, 90, "three renewals")
        house.all_arrive()
        assert clones(house) == 0


def test_whatever_kills_come_it_is_enrolled_once_and_no_clone(short_lived: FleetHouse) -> None:
    rng = Random(4711)
    with short_lived as house:
        house.start_pi(house.hand_out_card("--batch", "spring")["batch_token"])
        for number in range(12):
            house.scan(f"KILL-{number}")
            time.sleep(rng.uniform(0.0, 2.5))  # the moment of the kill
            house.kill_agent()
        house.scan("AFTER")
        house.all_arrive(150)
        assert clones(house) == 0
        with closing(sqlite3.connect(f"file:{house.data / 'books.sqlite'}?mode=ro", uri=True)) as books:
            assert books.execute("SELECT used FROM batches").fetchall() == [(1,)]
        assert not (house.agent_folder / "batch_token").exists()


def test_an_impostor_with_the_right_words_and_another_certificate_gets_no_byte_of_ours(tmp_path: Path) -> None:
    with FleetHouse(tmp_path) as house:
        card = house.hand_out_card("--batch", "spring")
        other = tmp_path / "other"
        other.mkdir()
        stranger = FleetHome(other)
        with stranger.server() as impostor:
            impostor.always["/api/health"] = lambda handler, _: handler.say(
                200, stranger.health() | {"fleet_id": card["fleet_id"]}
            )
            address = {"host": "127.0.0.1", "port": impostor.port, "certificate": "fleet"}
            public = json.loads(house.card_file.read_bytes())
            house.card_file.write_text(json.dumps(public | {"servers": [address]}))
            house.start_pi(card["batch_token"])
            house.scan("SECRET-1")
            wait_until(lambda: house.is_told("is not found"), 60, "the status says that nobody is the fleet")
            assert impostor.received == []
            house.card_file.write_text(json.dumps(public | {"servers": [address, *public["servers"]]}))
            house.restart_pi()
            house.all_arrive()
            assert impostor.received == []
