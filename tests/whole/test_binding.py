"""A box without a card and the real server: bound by a one-time code of the fleet, and by nobody else."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.binding.outcomes import SENTENCES, Outcome
from pi_auto.client.clockfloor.raising import PROOF_FILE
from pi_auto.wire.binding import BindingCode, check_of
from support.bare_box import BareBox
from support.faked_clock import FakedClock, can_be_built
from support.fleet_home import FleetHome
from support.fleet_house import DEVICE, FleetHouse
from support.waiting import wait_until

GIVEN, SCANNED = "a fleet's code was given: ", "a fleet's code was scanned: "
BOUND = SCANNED + SENTENCES[Outcome.BOUND]
WRONG = SCANNED + SENTENCES[Outcome.WRONG_CODE]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[FleetHouse]:
    with FleetHouse(tmp_path) as house:
        house.hand_out_card()  # for the test's own questions; no box gets it
        yield house


def code_of(house: FleetHouse, *serial: str) -> str:
    address = house.server.https
    return house.ask_admin("enrolment", "code", "--address", address, *serial).splitlines()[0].strip()


def audited(house: FleetHouse, action: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{house.data / 'books.sqlite'}?mode=ro", uri=True)) as books:
        return books.execute("SELECT actor, outcome FROM audit WHERE action = ?", (action,)).fetchall()


def all_booked(house: FleetHouse, box: BareBox) -> None:
    wait_until(
        lambda: {one["uuid"] for one in house.booked() if one["api_at"] and one["hub_at"]} == box.stored(),
        90, "all is booked by both ways",
    )  # fmt: skip
    assert len(house.booked()) == len(box.stored())


def files_with(needle: str, *folders: Path) -> list[str]:
    return [
        str(file)
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and needle.encode() in file.read_bytes()
    ]


def test_a_scanned_code_binds_the_box_and_what_was_scanned_before_arrives(
    house: FleetHouse, tmp_path: Path
) -> None:
    with BareBox(tmp_path / "box") as box:
        box.scan("BEFORE-1")
        assert "scan a code" in json.dumps(box.status()["server_link"])
        assert box.status()["key"] == box.key()
        code = code_of(house)
        box.read(code, BOUND)
        box.scan("AFTER-1")
        all_booked(house, box)
        status = box.status()
        assert status["fleet"] == BindingCode.parse(code).fleet_id
        assert status["bound_by"] == "code"
        for needle in (BindingCode.parse(code).secret, BindingCode.parse(code).shown_secret, code[-20:]):
            assert files_with(needle, tmp_path) == []
        # It belongs to somebody now: codes are still kept away, and move nobody.
        box.read(code_of(house), SCANNED + SENTENCES[Outcome.HAS_FLEET])
        assert len(box.stored()) == 2


def test_a_used_a_wrong_and_a_misread_code_are_refused_on_both_sides_and_scanning_goes_on(
    house: FleetHouse, tmp_path: Path
) -> None:
    code = code_of(house)
    with BareBox(tmp_path / "box") as box:
        box.read(code, BOUND)
    with BareBox(tmp_path / "other", "pi-cafe0002") as other:
        other.read(code, WRONG)
        other.scan("STILL-SCANNING")
        forged = BindingCode.parse(code)
        text = str(BindingCode(forged.fleet_id, forged.commitment, "A" * 26, forged.server))
        other.read(text, WRONG)
        other.read(code[:-4] + "AAAA", SCANNED + SENTENCES[Outcome.MISREAD])
        other.read(code_of(house, "another"), WRONG)
        assert not (other.agent_folder / "bound.json").exists()
        assert other.status()["fleet"] is None
        refused = audited(house, "enrol")
        assert ("device pi-cafe0002", "secret") in refused
        other.read(code_of(house), BOUND)


def test_a_code_is_given_by_a_command_as_well(house: FleetHouse, tmp_path: Path) -> None:
    with BareBox(tmp_path / "box") as box:
        done = box.command("bind", given="PIAUTO:1/NONSENSE\n")
        assert (done.returncode, SENTENCES[Outcome.MISREAD] in done.stderr) == (1, True)
        done = box.command("bind", given=f"{code_of(house)}\n")
        assert (done.returncode, SENTENCES[Outcome.BOUND] in done.stdout) == (0, True), done.stderr
        box.scan("BY-COMMAND")
        all_booked(house, box)


def test_a_box_that_went_by_a_named_server_is_bound_as_well(house: FleetHouse, tmp_path: Path) -> None:
    with BareBox(tmp_path / "box", server_url="http://127.0.0.1:9") as box:
        box.scan("BEFORE-1")
        box.read(code_of(house), BOUND)
        wait_until(
            lambda: box.agent.process and box.agent.process.poll() == 0, 30, "the agent has ended, to begin anew"
        )
        box.agent.start()
        all_booked(house, box)


@pytest.mark.skipif(not can_be_built(), reason="needs a C compiler: apt-get install gcc")
def test_a_box_whose_clock_is_before_the_fleet_was_made_is_bound_and_then_asks_for_the_time(
    house: FleetHouse, tmp_path: Path
) -> None:
    clock, began = FakedClock(tmp_path), datetime.now(UTC) - timedelta(minutes=1)
    clock.set(datetime(1990, 1, 1, tzinfo=UTC))
    box = BareBox(tmp_path / "box")
    with clock.for_what_is_started():
        box.start()
    try:
        box.read(code_of(house), BOUND)
        bound_at = datetime.fromisoformat(json.loads((box.agent_folder / "bound.json").read_text())["at"])
        assert began < bound_at < began + timedelta(minutes=10)
        wait_until((box.agent_folder / PROOF_FILE).exists, 60, "root's helper can raise the clock")
    finally:
        box.stop()
        box.scanner.close()


def test_an_impostor_learns_nothing_and_binds_nobody(house: FleetHouse, tmp_path: Path) -> None:
    stranger = FleetHome(tmp_path / "stranger")
    with stranger.server() as impostor, BareBox(tmp_path / "box") as box:
        impostor.always["/api/fleet_card"] = lambda handler, _: handler.say(200, stranger.card.to_json())
        real = BindingCode.parse(code_of(house))
        lured = str(BindingCode(real.fleet_id, real.commitment, real.secret, real.server)).replace(
            str(real.server), f"127.0.0.1:{impostor.port}"
        )
        lured = lured[:-4] + check_of(lured[:-4])
        box.read(lured, SCANNED + SENTENCES[Outcome.IMPOSTOR])
        # Also one that shows the right card, which is public, and has not the key to it.
        card = json.loads(house.card_file.read_bytes())
        impostor.always["/api/fleet_card"] = lambda handler, _: handler.say(200, card)
        box.read(lured, SCANNED + SENTENCES[Outcome.IMPOSTOR])
        assert {path for path, _ in impostor.received} <= {"/api/fleet_card"}
        assert box.status()["fleet"] is None


def test_whoever_tries_codes_too_fast_has_to_wait(tmp_path: Path) -> None:
    with BareBox(tmp_path / "box") as box:
        for _ in range(6):
            box.read("PIAUTO:1/NONSENSE/", SCANNED + SENTENCES[Outcome.MISREAD])
        box.read("PIAUTO:1/NONSENSE/", SCANNED + SENTENCES[Outcome.TOO_OFTEN])


def test_the_first_server_is_trusted_only_where_that_is_set_and_then_no_other(
    house: FleetHouse, tmp_path: Path
) -> None:
    address = house.server.https
    with BareBox(tmp_path / "box", server_url=f"https://{address}", trust_first_server=True) as box:
        box.scan("TRUSTING-1")
        wait_until(
            lambda: "waits until an operator approves it" in str(box.status()["server_link"]), 60, "it waits"
        )
        status = box.status()
        assert status["bound_by"] == "first server"
        assert any("trust_first_server" in trouble for trouble in status["warnings"])
        remedy = status["enrolment"]["remedy"].removeprefix("on the server: pi-auto-server ").split()
        house.ask_admin(*remedy)
        all_booked(house, box)
    assert house.booked()[0]["device_id"] == DEVICE


ONE, OTHER = "10000000cafe0001", "10000000beef0002"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives the machine another serial, which root alone can")
def test_a_card_in_another_machine_is_a_new_device_and_what_waits_arrives_under_the_old_name_once(
    house: FleetHouse, tmp_path: Path
) -> None:
    box = BareBox(tmp_path / "box", DEVICE)
    box.put_into(ONE)
    with box:
        box.read(code_of(house), BOUND)
        box.scan("OLD-1")
        all_booked(house, box)
        box.agent.stop()
        box.scan("OLD-2")
        box.scan("OLD-3")
        old, key = box.stored(), box.key()
        box.stop()
        box.put_into(OTHER)
        box.start()
        box.scan("NEW-1")
        new = box.stored() - old
        assert box.key() != key
        assert box.status()["device_id"] == "pi-beef0002"
        wait_until(lambda: {one["uuid"] for one in house.booked()} == old, 60, "what waited is booked")
        assert len(house.booked()) == len(old)
        wait_until(lambda: "pi-beef0002" in house.ask_admin("enrolment", "pending"), 60, "the new one waits")
        remedy = wait_until(lambda: (box.status()["enrolment"] or {}).get("remedy"), 30, "what to do")
        house.ask_admin(*remedy.removeprefix("on the server: pi-auto-server ").split())
        wait_until(
            lambda: {one["uuid"] for one in house.booked("pi-beef0002")} == new, 60, "the new scan is booked"
        )
        assert {one["uuid"] for one in house.booked()} == old
        assert box.status()["undelivered"] == 0
        assert audited(house, "clone") == []
