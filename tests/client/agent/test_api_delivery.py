from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.delivery.api import ApiDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Unauthorized, Unreachable
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Wakeups
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.batch import Acknowledgement
from pi_auto.wire.ids import Position
from pi_auto.wire.registration import RegistrationAnswer
from support.fleet_peer import SCANS, Fault, FleetPeer, answer, book_and_vanish, status
from support.stored import StoredScans

from .conftest import DEVICE, nobody

TOKEN = "t" * 32
OTHER = "99999999-2222-4333-8444-555555555555"


class Spy(Marks):
    """Marks that also remember the order of what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writes: list[str] = []

    def advance(self, destination: str, position: Position) -> None:
        super().advance(destination, position)
        self.writes.append(f"advance {position.number}")

    def set_aside(self, destination: str, position: Position, uuid: str, body: str, reason: str) -> None:
        super().set_aside(destination, position, uuid, body, reason)
        self.writes.append(f"set aside {position.number}")


@pytest.fixture
def marks(tmp_path: Path) -> Iterator[Spy]:
    spy = Spy(tmp_path / "marks.sqlite")
    yield spy
    spy.close()


@pytest.fixture
def standing(rng: Random) -> Standing:
    given = RegistrationAnswer(DEVICE, datetime.now(UTC), None, "", api_token=TOKEN)
    return Standing(given, rng, 300.0, asked=nobody, changed=nobody)


@pytest.fixture
def delivery(
    server: FleetPeer, stored: StoredScans, marks: Spy, standing: Standing, rng: Random, telling: Telling
) -> Iterator[ApiDelivery]:
    server.tokens.append(TOKEN)
    api, reader, wakeups = ServerApi(Endpoint.of(server.url), patience=5), SpoolReader(stored.folder), Wakeups()
    yield ApiDelivery(DEVICE, Lane(API, reader, marks), api, standing, wakeups, rng, telling)
    api.close()
    reader.close()
    wakeups.close()


@pytest.fixture
def deliver_all(delivery: ApiDelivery) -> Callable[[], None]:
    def until_nothing_is_left() -> None:
        for _ in range(200):
            if not delivery.deliver_next():
                return
        raise AssertionError("it never comes to an end")

    return until_nothing_is_left


def test_scans_and_incidents_arrive_in_order(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    records = stored.scan("one", "two") + stored.incident() + stored.scan("three")
    deliver_all()
    assert list(server.books.values()) == [
        records[0].to_json(),
        records[1].to_json(),
        records[3].to_json(),
        records[2].to_json(),
    ]
    assert marks.through(API, stored.spool.uuid) == 4


def test_nothing_is_sent_before_the_device_is_registered(
    server: FleetPeer, stored: StoredScans, marks: Spy, rng: Random, telling: Telling
) -> None:
    stored.scan("one")
    wakeups, reader = Wakeups(), SpoolReader(stored.folder)
    unregistered = Standing(None, rng, 300.0, asked=nobody, changed=nobody)
    api = ServerApi(Endpoint.of(server.url))
    assert not ApiDelivery(
        DEVICE, Lane(API, reader, marks), api, unregistered, wakeups, rng, telling
    ).deliver_next()
    assert server.received == []
    wakeups.close()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (status(500), Unreachable),
        (book_and_vanish, Unreachable),
        (answer({"status": "success"}), Garbled),
        (answer(Acknowledgement(Position(OTHER, 2)).to_json()), Garbled),
    ],
    ids=["server failed", "answer lost", "no acknowledgement", "acknowledged for another spool"],
)
def test_what_was_not_acknowledged_is_sent_again_and_booked_once(
    server: FleetPeer, stored: StoredScans, marks: Spy, delivery: ApiDelivery, fault: Fault, kind: type[ApiError]
) -> None:
    stored.scan("one", "two")
    server.fail(SCANS, fault)
    with pytest.raises(kind):
        delivery.deliver_next()
    assert marks.writes == []
    assert delivery.deliver_next()
    assert server.texts() == ["one", "two"]
    assert marks.writes == ["advance 2"]


def test_an_acknowledgement_beyond_what_was_sent_moves_no_mark(
    server: FleetPeer, stored: StoredScans, marks: Spy, delivery: ApiDelivery
) -> None:
    stored.scan("one")
    server.fail(SCANS, answer(Acknowledgement(Position(stored.spool.uuid, 2**40)).to_json()))
    with pytest.raises(Garbled, match="where 1 to 1"):
        delivery.deliver_next()
    assert marks.through(API, stored.spool.uuid) == 0


def test_a_refused_record_is_set_aside_before_the_mark_moves(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    _, bad, _ = stored.scan("one", "bad", "three")
    server.refuse = "bad"
    deliver_all()
    assert marks.writes == ["set aside 2", "advance 3"]
    assert server.texts() == ["one", "three"]
    (kept,) = marks.aside()
    assert (kept.uuid, kept.position.number, '"text": "bad"' in kept.body) == (bad.uuid, 2, True)
    assert "scans[1].text is bad; allowed: good" in kept.reason


def test_a_row_that_cannot_be_read_is_set_aside_and_the_others_arrive(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one", "two", "three")
    with closing(sqlite3.connect(stored.folder / "spool.sqlite")) as vandal, vandal:
        vandal.execute("UPDATE records SET body = '{' WHERE number = 2")
    deliver_all()
    assert server.texts() == ["one", "three"]
    assert marks.writes == ["set aside 2", "advance 3"]


def test_a_spool_of_nothing_but_unreadable_rows_does_not_block(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one")
    with closing(sqlite3.connect(stored.folder / "spool.sqlite")) as vandal, vandal:
        vandal.execute("UPDATE records SET body = '{'")
    deliver_all()
    assert (server.texts(), marks.writes) == ([], ["set aside 1", "advance 1"])


@pytest.mark.parametrize("place", [0, 1, 37, 98, 99])
def test_a_batch_refused_whole_is_halved_down_to_the_record_at_fault(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None], place: int
) -> None:
    texts = [f"scan {number}" for number in range(100)]
    texts[place] = server.poison = "poison"
    stored.scan(*texts)
    deliver_all()
    assert server.texts() == [text for text in texts if text != "poison"]
    assert [(kept.position.number, "poison" in kept.reason) for kept in marks.aside()] == [(place + 1, True)]
    assert marks.writes.index(f"set aside {place + 1}") < marks.writes.index(f"advance {place + 1}")
    assert len(server.batches()) < 50


def test_a_server_that_refuses_everything_costs_no_record(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one", "two", "three")
    server.always[SCANS] = status(403)
    for _ in range(2):
        with pytest.raises(Refused):
            deliver_all()
    assert (marks.writes, marks.aside()) == ([], [])
    del server.always[SCANS]
    deliver_all()
    assert server.texts() == ["one", "two", "three"]


def test_a_refusal_that_passes_costs_no_record(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    """A proxy knows no such path for a moment, or one of the servers behind it: the empty batch meets another."""
    stored.scan("one")
    server.fail(SCANS, status(404))
    deliver_all()
    assert server.texts() == ["one"]
    assert marks.aside() == []


def test_batches_stay_small_for_a_server_that_takes_only_small_ones(
    server: FleetPeer, stored: StoredScans, deliver_all: Callable[[], None]
) -> None:
    stored.scan(*(f"scan {number}" for number in range(40)))
    server.fail(SCANS, status(413), status(413))
    deliver_all()
    assert [len(batch["scans"]) for batch in server.batches()] == [40, 20, 10, 10, 10, 10]


def test_a_server_restored_from_a_backup_gets_everything_again_from_where_it_asks(
    server: FleetPeer, stored: StoredScans, marks: Spy, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one", "two", "three")
    deliver_all()
    server.books.clear()
    stored.scan("four")
    server.resend_from = Position(stored.spool.uuid, 2)
    deliver_all()
    assert server.texts() == ["four", "two", "three"]
    assert marks.through(API, stored.spool.uuid) == 4


@pytest.mark.parametrize(("spool", "number"), [(OTHER, 1), (None, 3), (None, 99)])
def test_a_wish_for_what_is_not_there_changes_nothing(
    server: FleetPeer, stored: StoredScans, deliver_all: Callable[[], None], spool: str | None, number: int
) -> None:
    stored.scan("one", "two")
    server.resend_from = Position(spool or stored.spool.uuid, number)
    deliver_all()
    assert len(server.batches()) == 1


def test_a_wish_for_what_is_pruned_starts_at_the_oldest_that_is_left(
    server: FleetPeer, stored: StoredScans, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one", "two", "three")
    deliver_all()
    stored.spool.prune(2, stored_before=2**40)
    stored.scan("four")
    server.resend_from = Position(stored.spool.uuid, 1)
    deliver_all()
    assert [(batch["first"], batch["through"], batch["oldest"]) for batch in server.batches()] == [
        (1, 3, 1), (4, 4, 3), (3, 4, 3),
    ]  # fmt: skip


def test_a_token_that_is_refused_is_complained_of(
    server: FleetPeer, stored: StoredScans, standing: Standing, delivery: ApiDelivery
) -> None:
    stored.scan("one")
    server.tokens.clear()
    with pytest.raises(Unauthorized):
        delivery.deliver_next()
    assert standing.ask_at() == 0.0


def test_a_spool_begun_anew_is_never_mistaken_for_the_old_one(
    tmp_path: Path, server: FleetPeer, stored: StoredScans, deliver_all: Callable[[], None]
) -> None:
    stored.scan("one", "two", "three")
    deliver_all()
    stored.close()
    for file in stored.folder.iterdir():
        file.unlink()
    stored.spool = StoredScans(tmp_path / "state").spool
    stored.scan("four")
    deliver_all()
    assert server.texts() == ["one", "two", "three", "four"]


def test_a_mark_that_cannot_be_written_holds_up_no_later_scan_and_sends_none_twice(
    server: FleetPeer, stored: StoredScans, marks: Spy, delivery: ApiDelivery
) -> None:
    (first,) = stored.scan("one")
    assert marks._connection
    marks._connection.execute("PRAGMA query_only = 1")

    assert delivery.deliver_next()
    (second,) = stored.scan("two")
    assert delivery.deliver_next()
    assert not delivery.deliver_next()

    assert [[scan["uuid"] for scan in batch["scans"]] for batch in server.batches()] == [
        [first.uuid],
        [second.uuid],
    ]
