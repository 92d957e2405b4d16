from __future__ import annotations

import json
import sqlite3
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pi_auto.server.fleet.tables import devices
from pi_auto.server.links import follower
from pi_auto.server.links.cursor import read_cursor
from pi_auto.server.links.events import MOST_REPORTED
from pi_auto.server.links.follower import Follower
from pi_auto.server.scans.tables import conflicts, refusals, scans
from pi_auto.wire.hublink import TELEMETRY, Event
from support.api import DEVICE, Api, open_api
from support.event_source import ENQUEUED, EventSource
from support.old_scans import OLD, SENT_BY_IT, an_old_client_has_sent_to_the_api
from support.records import incident, scan
from support.waiting import wait_until

SOURCE = "local:test"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EventSource]:
    with EventSource(tmp_path / "hub.sock") as opened:
        yield opened


@contextmanager
def following(api: Api, folder: Path) -> Iterator[Follower]:
    made = Follower(folder / "hub.sock", SOURCE, api.context.store, api.context.writer)
    try:
        yield made
    finally:
        made.close()


def cursor(api: Api) -> int:
    with api.context.store.engine.connect() as connection:
        return read_cursor(connection, SOURCE).through


def wait_for_cursor(api: Api, number: int) -> None:
    wait_until(lambda: cursor(api) == number, what=f"the cursor is at {number}")


def device_row(api: Api, device_id: str = DEVICE) -> Any:
    with api.context.store.engine.connect() as connection:
        return connection.execute(select(devices).where(devices.c.device_id == device_id)).one()


def test_telemetry_is_booked_and_the_cursor_moved(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    source.telemetry(1, DEVICE, scan("A", number=1))
    source.telemetry(2, DEVICE, incident(number=2))
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
        source.telemetry(7, DEVICE, scan("B", number=3))
        wait_for_cursor(api, 7)
    assert [(row.text, row.hub_at is not None, row.api_at) for row in api.rows(scans)] == [
        ("A", True, None),
        ("B", True, None),
    ]


def test_after_a_restart_the_events_are_read_from_the_cursor_and_booked_once(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    for number in range(1, 501):
        source.telemetry(number, DEVICE, scan(str(number), number=number))
    with following(api, tmp_path):
        wait_until(lambda: cursor(api) > 0)
    stopped_at = cursor(api)
    with following(api, tmp_path):
        wait_until(lambda: len(source.asked) == 2)  # even if all were booked the first time
        wait_for_cursor(api, 500)
    assert source.asked == [0, stopped_at - 1]
    assert [row.number for row in api.rows(scans)] == list(range(1, 501))


def test_when_the_hub_hangs_up_the_server_comes_back(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    source.telemetry(1, DEVICE, scan("A", number=1))
    with following(api, tmp_path):
        wait_for_cursor(api, 1)
        source.hang_up()
        source.telemetry(2, DEVICE, scan("B", number=2))
        wait_for_cursor(api, 2)
    assert len(api.rows(scans)) == 2


def test_a_hub_that_starts_later_is_found(api: Api, tmp_path: Path) -> None:
    api.device()
    with following(api, tmp_path), EventSource(tmp_path / "hub.sock") as source:
        source.telemetry(1, DEVICE, scan("A", number=1))
        wait_for_cursor(api, 1)


def test_an_event_that_comes_again_changes_nothing(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    taken = scan("A", number=1)
    source.telemetry(1, DEVICE, taken)
    source.telemetry(2, DEVICE, taken)  # the device missed the hub's answer and sent it again
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    assert len(api.rows(scans)) == 1
    assert api.rows(conflicts) == []


def test_an_event_whose_booking_was_given_up_and_came_after_all_is_booked_once(
    api: Api, source: EventSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old client's scan has no uuid: booked anew, the event would be laid to no scan, and be one of its own."""
    monkeypatch.setattr(follower, "_WRITE_TIMEOUT", 0.1)
    writer, slow = api.context.writer, threading.Event()
    writer.submit(an_old_client_has_sent_to_the_api).result(10)
    source.add(Event(1, TELEMETRY, OLD, ENQUEUED, body=b64encode(json.dumps(SENT_BY_IT).encode()).decode()))
    writer.submit(lambda _: slow.wait(10))
    with following(api, tmp_path):
        wait_until(lambda: len(source.asked) == 3)
        slow.set()
        wait_for_cursor(api, 1)
        source.telemetry(2, DEVICE, scan("A", number=1))  # behind all that still waited
        wait_for_cursor(api, 2)
    assert [(row.text, row.api_at is None, row.hub_at is None) for row in api.rows(scans)] == [
        ("4006381333931", False, False),
        ("A", True, False),
    ]


def test_a_hub_whose_log_is_younger_than_the_cursor_is_read_from_its_start(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    source.telemetry(90, DEVICE, scan("A", number=1))
    with following(api, tmp_path):
        wait_for_cursor(api, 90)
    source.lines.clear()
    source.refuse_beyond = 5
    source.telemetry(5, DEVICE, scan("B", number=2))
    with following(api, tmp_path):
        wait_for_cursor(api, 5)
    assert {row.text for row in api.rows(scans)} == {"A", "B"}
    assert api.rows(refusals) == []


def test_a_hub_that_gives_a_number_a_second_time_is_read_from_its_start(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    """It was restored from a backup, and has taken as much as before until the server came back."""
    api.device()
    first, lost_at_the_hub, then, last = (scan(text, number=n) for n, text in enumerate("ABCD", 1))
    source.telemetry(1, DEVICE, first)
    source.telemetry(2, DEVICE, lost_at_the_hub)
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    later = "2026-11-23T12:30:00.000Z"
    source.telemetry(2, DEVICE, then, enqueued_at=later)
    source.telemetry(3, DEVICE, last, enqueued_at=later)
    with following(api, tmp_path):
        wait_for_cursor(api, 3)
    assert [row.text for row in api.rows(scans)] == ["A", "B", "C", "D"]
    assert api.rows(conflicts) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": "%%%"}, "body"),
        ({"body": b64encode(b"{").decode()}, "JSON"),
        ({"body": b64encode(b"[" * 100_000).decode()}, "body"),
        ({"body": None}, "body"),
        ({"body": {"an": "object"}}, "body"),
        ({"body": b64encode(json.dumps({"deviceId": "pi-00000002"}).encode()).decode()}, "deviceId"),
        ({"body": b64encode(json.dumps({"deviceId": DEVICE, "barcode": "1"}).encode()).decode()}, "messageType"),
        ({"type": "surprise"}, "type"),
        ({"device_id": "no/device"}, "device_id"),
        ({"device_id": "x" * 100}, "device_id"),
        ({"enqueued_at": 5}, "enqueued_at"),
    ],
)
def test_an_event_that_cannot_be_booked_is_noted_and_passed_by(
    api: Api, source: EventSource, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    api.device()
    source.telemetry(1, DEVICE, scan("bad", number=1), **changes)
    source.telemetry(2, DEVICE, scan("good", number=2))
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    assert [row.text for row in api.rows(scans)] == ["good"]
    [refusal] = api.rows(refusals)
    assert refusal.way == "hub"
    assert "event 1" in refusal.reason
    assert words in refusal.reason


def test_a_line_that_is_no_event_at_all_is_noted_too(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    source.add_line(1, b"\xff nonsense\n")
    source.telemetry(2, DEVICE, scan("good", number=2))
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    assert len(api.rows(refusals)) == 1


def test_a_fault_of_our_own_costs_one_event_and_not_the_stream(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    trigger = (
        "CREATE TRIGGER fault BEFORE INSERT ON scans WHEN new.text = 'bad' BEGIN SELECT RAISE(ABORT, 'x'); END"
    )
    api.context.writer.submit(lambda books: books.exec_driver_sql(trigger)).result(10)
    for number, text in enumerate(["A", "bad", "B"], 1):
        source.telemetry(number, DEVICE, scan(text, number=number))
    with following(api, tmp_path):
        wait_for_cursor(api, 3)
    assert [row.text for row in api.rows(scans)] == ["A", "B"]
    assert "IntegrityError" in api.rows(refusals)[0].reason


def test_a_device_names_only_its_own_scans(api: Api, source: EventSource, tmp_path: Path) -> None:
    mine, theirs = api.device("pi-00000001"), api.device("pi-00000002")
    taken = scan("mine", number=1)
    mine.send(taken)
    before = api.rows(scans)
    source.telemetry(1, theirs.device_id, taken)
    with following(api, tmp_path):
        wait_for_cursor(api, 1)
    assert api.rows(scans)[:1] == before
    assert [row.device_id for row in api.rows(scans)] == ["pi-00000001", "pi-00000002"]


def test_a_heartbeat_is_a_sign_of_life_and_merges_what_it_reports(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    first = {"status": "online", "client_version": "2.0.0", "queue": {"api": 5, "hub": 1}, "old": 1}
    source.reported(1, DEVICE, first)
    source.reported(2, DEVICE, {"queue": {"api": 0}, "old": None, "device_info": {"hostname": "till-3"}})
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    row = device_row(api)
    assert row.reported == {
        "status": "online",
        "client_version": "2.0.0",
        "queue": {"api": 0, "hub": 1},
        "device_info": {"hostname": "till-3"},
    }
    assert (row.client_version, row.hostname, row.said_offline_at) == ("2.0.0", "till-3", None)
    assert row.last_heartbeat_at.isoformat().startswith(ENQUEUED[:19])


def test_a_clean_goodbye_is_offline_at_once_and_void_when_the_device_is_back(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()

    def status() -> str:
        told: str = api.get(f"/api/pi_device/{DEVICE}").get_json()["status"]
        return told

    with following(api, tmp_path):
        source.reported(1, DEVICE, {"status": "offline"}, at="2026-11-23T12:05:01.000Z")
        wait_for_cursor(api, 1)
        assert status() == "offline"
        source.reported(2, DEVICE, {"status": "online"}, at="2026-11-23T12:05:02.000Z")
        wait_for_cursor(api, 2)
        assert status() == "online"


@pytest.mark.parametrize(
    "patch",
    [
        {"x": "y" * (MOST_REPORTED + 1)},
        {"client_version": 5, "device_info": "none"},
        {"client_version": "\ud800"},
        {"x": float("nan")},
        json.loads('{"a":' * 500 + "1" + "}" * 500),
    ],
)
def test_whatever_a_twin_reports_the_stream_goes_on(
    api: Api, source: EventSource, tmp_path: Path, patch: dict[str, Any]
) -> None:
    api.device()
    source.reported(1, DEVICE, patch)
    source.telemetry(2, DEVICE, scan("good", number=1))
    with following(api, tmp_path):
        wait_for_cursor(api, 2)
    assert [row.text for row in api.rows(scans)] == ["good"]
    assert api.get("/api/pi_devices").status_code == api.get(f"/api/pi_device/{DEVICE}").status_code == 200


def test_a_device_the_books_do_not_know_gets_a_row(api: Api, source: EventSource, tmp_path: Path) -> None:
    source.telemetry(1, "pi-restored", scan("A", number=1))
    with following(api, tmp_path):
        wait_for_cursor(api, 1)
    row = device_row(api, "pi-restored")
    assert (row.client_version, row.claim_hash) == ("", None)


def test_the_hub_learns_what_it_may_forget(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    source.telemetry(3, DEVICE, scan("A", number=1))
    with following(api, tmp_path):
        wait_until(lambda: source.acknowledged == [3])


def test_a_data_folder_may_have_a_longer_path_than_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    short = tmp_path / "hub.sock"
    with open_api(tmp_path / "data") as api, EventSource(short) as source:
        api.device()
        short.rename(folder / "hub.sock")
        source.telemetry(1, DEVICE, scan("A", number=1))
        with following(api, folder):
            wait_for_cursor(api, 1)


def test_it_ends_at_once_although_the_hub_says_nothing(api: Api, source: EventSource, tmp_path: Path) -> None:
    with following(api, tmp_path) as ours:
        wait_until(lambda: source.asked == [0])
        began = time.monotonic()
        ours.close()
        assert time.monotonic() - began < 0.5


def test_it_ends_soon_although_somebody_has_locked_the_books(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    shell = sqlite3.connect(api.context.store.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    source.telemetry(1, DEVICE, scan("A", number=1))
    with following(api, tmp_path) as ours:
        wait_until(lambda: source.asked == [0])
        began = time.monotonic()
        ours.close()
        assert time.monotonic() - began < 3
        shell.execute("ROLLBACK")
        shell.close()
        wait_for_cursor(api, 1)
