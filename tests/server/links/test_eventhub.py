"""azure-eventhub reads an event hub's AMQP peer into the books: killed, cut off and shared, each event once."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from pi_auto.server.context import now_utc
from pi_auto.server.links.azure.strings import EventsString
from pi_auto.server.links.eventhub import Source
from pi_auto.server.links.ingest import Ingest
from pi_auto.server.links.tables import eventhub_checkpoints, eventhub_ownerships
from pi_auto.server.store.engine import BOOKS
from pi_auto.wire.scan import Record
from support.api import DEVICE, Api, open_api
from support.eventhub.running import NAME, EventHubPeer, needs_proton, running_eventhub
from support.old_scans import OLD, SENT_BY_IT, an_old_client_has_sent_to_the_api
from support.records import scan
from support.server import RunningServer, running_server
from support.waiting import wait_until

pytestmark = [
    needs_proton,
    # azure-eventhub leaves the socket of a connection that failed to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PARTITIONS = ("0", "1")
NOWHERE = "HostName=127.0.0.1:1;SharedAccessKeyName=service;SharedAccessKey=a2V5a2V5a2V5a2V5a2V5aw=="
LOOK = 0.3  # seconds between looks at who reads which partition


@pytest.fixture(autouse=True)
def collected(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What azure-eventhub has left open is collected here, and not in the middle of somebody else's test."""
    yield
    wait_until(lambda: all(thread.name != "hub-events" for thread in threading.enumerate()), 90, "the readers end")
    caplog.get_records("call").clear()  # what was logged holds errors, and their tracebacks hold connections
    gc.collect()


@pytest.fixture
def peer() -> Iterator[EventHubPeer]:
    with running_eventhub(len(PARTITIONS)) as running:
        yield running


def record(number: int) -> Record:
    return scan(f"code {number}", number=number + 1, uuid=f"00000000-0000-4000-8000-{number:012d}")


def feed(peer: EventHubPeer, numbers: range) -> None:
    for number in numbers:
        peer.telemetry(PARTITIONS[number % len(PARTITIONS)], DEVICE, record(number))


def files_of(folder: Path, peer: EventHubPeer) -> list[str]:
    """The options of a server whose hub's events come from the peer; its service side is away."""
    options = ["--hub", "azure"]
    for name, text in (("service", NOWHERE), ("events", peer.connection_string)):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        options += [f"--azure-{name}-file", str(path)]
    return options


def told(data: Path, query: str) -> list[Any]:
    """What a query of the books says, whether or not a server has them."""
    with closing(sqlite3.connect(f"file:{data / BOOKS}?mode=ro", uri=True)) as books:
        return books.execute(query).fetchall()


def texts(data: Path) -> list[str]:
    return [text for (text,) in told(data, "SELECT text FROM scans ORDER BY number")]


def codes(count: int) -> list[str]:
    return [f"code {number}" for number in range(count)]


def source(peer: EventHubPeer) -> Source:
    return Source(EventsString.parse(peer.connection_string), balance_every=LOOK)


def owners(api: Api) -> dict[str, str]:
    with api.context.store.engine.connect() as books:
        return {row.partition: row.owner for row in books.execute(select(eventhub_ownerships))}


def booked(api: Api) -> int:
    with api.context.store.engine.connect() as books:
        return sum(row.sequence_number + 1 for row in books.execute(select(eventhub_checkpoints)))


def test_events_of_all_three_routes_reach_the_books_of_a_real_server(tmp_path: Path, peer: EventHubPeer) -> None:
    peer.connection_state("0", DEVICE, "deviceConnected", "0A")
    feed(peer, range(10))
    peer.twin_change("1", DEVICE, {"status": "online", "client_version": "9.9"})
    peer.event("1", DEVICE, "deviceLifecycleEvents", b"{}")
    with running_server(tmp_path, *files_of(tmp_path, peer)) as server:
        wait_until(lambda: told(server.data, "SELECT 1 FROM devices WHERE client_version = '9.9'"), 20, "the twin")
        wait_until(lambda: len(texts(server.data)) == 10, 20, "the scans")
        assert texts(server.data) == codes(10)
        wait_until(lambda: _checkpoints(server) == [("0", 5), ("1", 6)], 20, "the checkpoints")
        assert told(server.data, "SELECT reason FROM refusals") == []
        health = server.request("/api/health").json
        assert (health["status"], health["hub"]) == ("healthy", {"kind": "azure", "answers": None, "events": True})
        assert server.hub() == 0
        feed(peer, range(10, 12))
        wait_until(lambda: len(texts(server.data)) == 12, 20, "those that came later")
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5


def test_killed_again_and_again_a_server_books_each_event_once(tmp_path: Path, peer: EventHubPeer) -> None:
    """Every kill comes while events flow; the server after it reads on at the checkpoint, at once."""
    options, count, interrupted = files_of(tmp_path, peer), 0, 0
    for goal in (900, 1800, 2700):
        feed(peer, range(goal - 900, goal - 300))
        with running_server(tmp_path, *options) as server:
            worker = server.worker()
            wait_until(lambda: len(texts(server.data)) > count, 20, "some events")  # noqa: B023 - called here
            feed(peer, range(goal - 300, goal))
            os.kill(worker, signal.SIGKILL)
            server.kill()
            interrupted += len(texts(server.data)) < goal
        count = len(texts(server.data))
    assert interrupted
    feed(peer, range(2700, 3000))
    with running_server(tmp_path, *options) as server:
        wait_until(lambda: len(texts(server.data)) >= 3000, 60, "all events")
        assert texts(server.data) == codes(3000)
        assert _checkpoints(server) == [("0", 1499), ("1", 1499)]
        assert told(server.data, "SELECT reason FROM refusals") == []


def test_a_network_that_fails_in_the_middle_loses_and_doubles_nothing(api: Api, peer: EventHubPeer) -> None:
    with closing(Ingest(source(peer), api.context.store, api.context.writer)) as ingest:
        for start in range(0, 600, 100):
            feed(peer, range(start, start + 100))
            wait_until(lambda: booked(api) > start, 20, "some of them")  # noqa: B023 - called here
            peer.cut()
        wait_until(lambda: booked(api) == 600, 30, "all of them")
        wait_until(ingest.state, 20, "it knows that it reads again")
    assert texts(api.context.store.data) == codes(600)


def test_a_network_that_swallows_everything_without_a_word_is_noticed(api: Api, peer: EventHubPeer) -> None:
    """The peer stands still and the kernel acknowledges for it, as a firewall does that forgot the connection."""
    watchful = replace(source(peer), silence=2.0)
    with closing(Ingest(watchful, api.context.store, api.context.writer)) as ingest:
        feed(peer, range(50))
        wait_until(lambda: booked(api) == 50, 20, "the first ones")
        peer.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: ingest.state() is False, 30, "it is noticed")
        peer.process.send_signal(signal.SIGCONT)
        feed(peer, range(50, 100))
        wait_until(lambda: booked(api) == 100, 60, "those after it")
    assert texts(api.context.store.data) == codes(100)


def test_a_hub_that_stands_still_from_the_start_is_noticed_and_read_once_it_moves(
    api: Api, peer: EventHubPeer
) -> None:
    feed(peer, range(50))
    peer.process.send_signal(signal.SIGSTOP)
    watchful = replace(source(peer), silence=2.0)
    with closing(Ingest(watchful, api.context.store, api.context.writer)) as ingest:
        wait_until(lambda: ingest.state() is False, 60, "it is noticed")
        peer.process.send_signal(signal.SIGCONT)
        wait_until(lambda: booked(api) == 50, 60, "all of them")


def test_two_servers_share_the_partitions_and_one_takes_over_from_the_other(api: Api, peer: EventHubPeer) -> None:
    first = Ingest(source(peer), api.context.store, api.context.writer)
    with closing(Ingest(source(peer), api.context.store, api.context.writer)):
        wait_until(lambda: len(set(owners(api).values()) - {""}) == 2, 20, "each has one")
        feed(peer, range(100))
        wait_until(lambda: booked(api) == 100, 20, "all of them")
        first.close()
        wait_until(
            lambda: len(set(owners(api).values())) == 1 and "" not in owners(api).values(), 20, "one has both"
        )
        feed(peer, range(100, 200))
        wait_until(lambda: booked(api) == 200, 20, "those after it as well")
    assert texts(api.context.store.data) == codes(200)


def test_the_partitions_of_a_server_that_died_are_taken_over_once_it_is_overdue(
    api: Api, peer: EventHubPeer
) -> None:
    """A dead one leaves what it had: ownerships of its name that nobody renews."""
    api.context.writer.submit(_leave_ownerships(peer)).result(10)
    feed(peer, range(20))
    began = time.monotonic()
    with closing(Ingest(source(peer), api.context.store, api.context.writer)):
        wait_until(lambda: booked(api) == 20, 20, "all of them")
    assert time.monotonic() - began > 2 * LOOK  # while it may have been alive it was left alone
    assert texts(api.context.store.data) == codes(20)


def test_a_stranger_who_reads_by_our_consumer_group_makes_us_begin_anew_and_nothing_twice(
    api: Api, tmp_path: Path, peer: EventHubPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """Another fleet's server with books of its own: each takes the partitions from the other, for ever."""
    caplog.set_level("WARNING", "pi_auto")
    with (
        open_api(tmp_path / "other") as other,
        closing(Ingest(source(peer), api.context.store, api.context.writer)),
        closing(Ingest(source(peer), other.context.store, other.context.writer)),
    ):
        for start in range(0, 200, 50):
            feed(peer, range(start, start + 50))
            wait_until(lambda: booked(api) >= start + 50 and booked(other) >= start + 50, 60, "both")  # noqa: B023
        for each in (api, other):
            assert texts(each.context.store.data) == codes(200)
    said = [line.getMessage() for line in caplog.records if line.name.startswith("pi_auto")]
    assert 1 <= sum("somebody else reads by the same consumer group" in line for line in said) <= 2  # each once


def test_while_no_hub_answers_the_state_says_so(api: Api) -> None:
    with running_eventhub() as gone:
        at = source(gone)
    with closing(Ingest(at, api.context.store, api.context.writer)) as ingest:
        wait_until(lambda: ingest.state() is False, 20, "it knows")


def test_a_consumer_group_that_does_not_exist_is_named(
    api: Api, peer: EventHubPeer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = replace(source(peer), consumer_group="pi-atuo")
    with closing(Ingest(wrong, api.context.store, api.context.writer)) as ingest:
        wait_until(lambda: ingest.state() is False, 20, "it knows")
    said = [line.getMessage() for line in caplog.records if line.name.startswith("pi_auto")]
    assert "amqp:not-found" in said[0]
    assert "ConsumerGroups/pi-atuo" in said[0]


def test_a_hub_in_which_there_is_nothing_is_known_to_be_read(api: Api, peer: EventHubPeer) -> None:
    with closing(
        Ingest(replace(source(peer), consumer_group="pi-auto"), api.context.store, api.context.writer)
    ) as ingest:
        wait_until(ingest.state, 20, "it is read")


def test_a_poisoned_event_is_noted_and_holds_nobody_up(api: Api, peer: EventHubPeer) -> None:
    peer.event("0", DEVICE, "Telemetry", b"\xff\x00")
    peer.event("0", DEVICE, "twinChangeEvents", b"[" * 10_000)
    peer.event("0", "../../etc", "Telemetry", b"{}")
    peer.telemetry("0", DEVICE, record(0))
    with closing(Ingest(source(peer), api.context.store, api.context.writer)):
        wait_until(lambda: booked(api) == 4, 20, "all of them")
    assert texts(api.context.store.data) == codes(1)
    assert len(told(api.context.store.data, "SELECT reason FROM refusals")) == 3


@pytest.mark.parametrize("status", [401, 503])
def test_a_hub_that_refuses_tokens_and_questions_for_a_while_loses_and_doubles_nothing(
    api: Api, peer: EventHubPeer, status: int
) -> None:
    with closing(Ingest(source(peer), api.context.store, api.context.writer)) as ingest:
        feed(peer, range(4))
        wait_until(lambda: booked(api) == 4, 20, "those before")
        peer.refuse(status)
        feed(peer, range(4, 8))
        wait_until(lambda: ingest.state() is False, 20, "it knows")
        peer.refuse(None)
        wait_until(lambda: booked(api) == 8, 60, "those that came meanwhile")
    assert texts(api.context.store.data) == codes(8)


def test_an_event_hub_that_is_made_anew_under_its_name_is_read_from_its_start(
    api: Api, peer: EventHubPeer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its numbers begin anew: by the old checkpoints, its first events would have passed for booked ones."""
    with closing(Ingest(source(peer), api.context.store, api.context.writer)):
        feed(peer, range(6))
        wait_until(lambda: booked(api) == 6, 20, "the first hub's")
        peer.make_anew(partitions=3)
        for number in range(6, 12):
            peer.telemetry(str(number % 3), DEVICE, record(number))
        wait_until(lambda: texts(api.context.store.data) == codes(12), 20, "the second hub's, of all partitions")
        peer.cut()
        feed(peer, range(12, 14))
        wait_until(lambda: texts(api.context.store.data) == codes(14), 20, "those that came later")
    said = [line.getMessage() for line in caplog.records if "read from its start" in line.getMessage()]
    assert len(said) == 1


def test_what_old_clients_have_sent_is_counted_once_though_all_of_it_is_read_again(
    api: Api, peer: EventHubPeer
) -> None:
    """By another consumer group, which has no checkpoints: such events have no uuid."""
    now = now_utc()  # by which the peer tells when an event came
    api.context.writer.submit(lambda books: an_old_client_has_sent_to_the_api(books, now)).result(10)
    peer.event("0", OLD, "Telemetry", json.dumps(SENT_BY_IT).encode())
    peer.event("0", OLD, "Telemetry", json.dumps(SENT_BY_IT | {"barcode": "only the hub has it"}).encode())
    for times_read, group in enumerate(("$Default", "pi-auto"), 1):
        by_group = replace(source(peer), consumer_group=group)
        with closing(Ingest(by_group, api.context.store, api.context.writer)):
            wait_until(lambda: booked(api) == 2 * times_read, 20, "both events")  # noqa: B023 - called here
        rows = told(api.context.store.data, "SELECT text, api_at IS NULL, hub_at IS NULL FROM scans ORDER BY id")
        assert rows == [("4006381333931", 0, 0), ("only the hub has it", 1, 0)]
    assert told(api.context.store.data, "SELECT uuid FROM conflicts") == []


def _checkpoints(server: RunningServer) -> list[Any]:
    return told(server.data, "SELECT partition, sequence_number FROM eventhub_checkpoints ORDER BY partition")


def _leave_ownerships(peer: EventHubPeer) -> Any:
    def job(books: Connection) -> None:
        for partition in PARTITIONS:
            books.execute(
                insert(eventhub_ownerships).values(
                    namespace=f"127.0.0.1:{peer.port}",
                    eventhub=NAME,
                    consumer_group="$Default",
                    partition=partition,
                    owner="a server that died",
                    etag="00000000-0000-4000-8000-000000000000",
                    modified=time.time(),
                )
            )

    return job
