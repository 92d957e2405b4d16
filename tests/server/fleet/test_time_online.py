"""Presence and time online out of a hub's events, in real books."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from pi_auto.server.fleet.contacts import DAYS_KEPT, note_contact
from pi_auto.server.fleet.tables import device_days, online_spans
from pi_auto.server.links.cursor import Cursor, move_cursor, read_cursor
from pi_auto.server.links.events import book_event
from pi_auto.server.links.follower import Follower
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, Event
from pi_auto.wire.times import format_time
from support.api import DEVICE, Api, open_api
from support.event_source import EventSource
from support.waiting import wait_until

SOURCE = "local:test"
NOON = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=12)
TODAY = NOON.date().isoformat()


class Story:
    """Events of one device with numbers of their own, by seconds since noon."""

    def __init__(self, source: EventSource) -> None:
        self.source, self.number = source, 0

    def connects(self, *seconds: float) -> None:
        for each in seconds:
            self._add(CONNECTED, each)

    def is_gone(self, second: float) -> None:
        self._add(DISCONNECTED, second)

    def reports(self, *seconds: float, **patch: Any) -> None:
        for each in seconds:
            self.number += 1
            self.source.reported(self.number, DEVICE, {"status": "online"} | patch, at=_at(each))

    def _add(self, kind: str, second: float) -> None:
        self.number += 1
        self.source.add(Event(self.number, kind, DEVICE, _at(second)))


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EventSource]:
    with EventSource(tmp_path / "hub.sock") as opened:
        yield opened


@contextmanager
def followed(api: Api, folder: Path, through: int) -> Iterator[None]:
    follower = Follower(folder / "hub.sock", SOURCE, api.context.store, api.context.writer)
    try:
        wait_until(lambda: _cursor(api) >= through, what=f"event {through} is booked")
        yield
    finally:
        follower.close()


def _at(second: float) -> str:
    return format_time(NOON + timedelta(seconds=second))


def _call(api: Api, second: float) -> None:
    moment = NOON + timedelta(seconds=second)
    api.context.writer.submit(lambda books: note_contact(books, DEVICE, moment)).result(10)


def _cursor(api: Api) -> int:
    with api.context.store.engine.connect() as connection:
        return read_cursor(connection, SOURCE).through


def _days(api: Api) -> dict[tuple[str, str], tuple[float, int]]:
    return {(row.day, row.way): (row.online_ms / 1000, row.connects) for row in api.rows(device_days)}


def test_a_day_of_connections_and_heartbeats_is_counted_by_the_second(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    story = Story(source)
    story.connects(0)
    story.reports(1, 31, 61)
    story.is_gone(70.5)
    story.connects(100)
    story.reports(101, status="offline")
    story.is_gone(101.2)
    with followed(api, tmp_path, story.number):
        assert _days(api) == {(TODAY, "hub"): (71.5, 2)}
    api.clock.now = NOON + timedelta(seconds=120)
    told = api.get(f"/api/pi_device/{DEVICE}").get_json()
    assert told["online_seconds"] == {"today": 71, "seven_days": 71}
    assert (told["status"], told["flapping"]) == ("offline", False)
    assert (told["connected_at"], told["disconnected_at"]) == (_at(100), _at(101.2))


def test_a_device_whose_link_does_not_hold_is_said_to_flap(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    story = Story(source)
    for second in range(0, 300, 60):
        story.connects(second)
        story.is_gone(second + 5)
    with followed(api, tmp_path, story.number):
        api.clock.now = NOON + timedelta(seconds=300)
        assert api.get(f"/api/pi_device/{DEVICE}").get_json()["flapping"] is True
        api.clock.pass_by(600)
        assert api.get(f"/api/pi_device/{DEVICE}").get_json()["flapping"] is False


def test_a_server_that_is_opened_anew_between_any_two_events_counts_the_same(tmp_path: Path) -> None:
    """Wherever it stops; and a log that is read a second time from its start changes nothing."""
    chance = random.Random(3)
    second = 0.0
    with EventSource(tmp_path / "hub.sock") as source:
        story = Story(source)
        for _ in range(60):
            second += chance.choice((0, 1, 30, 30, 30, 200))
            chance.choice((story.connects, story.is_gone, story.reports, story.reports))(second)
        with open_api(tmp_path / "whole") as api:
            api.device()
            with followed(api, tmp_path, story.number):
                whole = _days(api)
        assert whole[TODAY, "hub"][0] > 0
        lines, stops = dict(source.lines), (1, 9, 22, 40, 41, 60)
        source.lines.clear()
        for number, stop in enumerate(stops):
            source.lines |= {each: line for each, line in lines.items() if each <= stop}
            with open_api(tmp_path / "parts") as api:
                if number == 0:
                    api.device()
                with followed(api, tmp_path, stop):
                    pass
        with open_api(tmp_path / "parts") as api:
            assert _days(api) == whole
            api.context.writer.submit(lambda books: move_cursor(books, SOURCE, Cursor())).result(10)
            with followed(api, tmp_path, story.number):
                assert _days(api) == whole


def test_what_is_taken_back_with_its_transaction_is_counted_when_it_comes_again(api: Api) -> None:
    api.device()

    def job(books: Connection, *, fails: bool) -> None:
        for number, second in enumerate((0, 30), 1):
            book_event(books, Event(number, CONNECTED, DEVICE, _at(second)), datetime.now(UTC))
        if fails:
            raise RuntimeError("the cursor cannot be moved")

    with pytest.raises(RuntimeError):
        api.context.writer.submit(lambda books: job(books, fails=True)).result(10)
    assert _days(api) == {}
    api.context.writer.submit(lambda books: job(books, fails=False)).result(10)
    assert _days(api) == {(TODAY, "hub"): (30, 2)}


def test_a_device_that_reports_seldom_because_it_was_told_to_is_online_meanwhile(
    api: Api, source: EventSource, tmp_path: Path
) -> None:
    api.device()
    story = Story(source)
    settings = {"heartbeat_interval": {"value": 600, "version": 2, "status": 200}}
    story.reports(0, settings=settings)
    story.reports(600, 1200)
    with followed(api, tmp_path, story.number):
        assert _days(api) == {(TODAY, "hub"): (1200, 0)}
        api.clock.now = NOON + timedelta(seconds=2900)
        assert api.get(f"/api/pi_device/{DEVICE}").get_json()["status"] == "online"


@pytest.mark.parametrize(("interval", "counted"), [(600, 1000 + 1800), (5, 15 + 15)])
def test_calls_of_the_api_count_by_the_devices_own_interval_too(
    api: Api, source: EventSource, tmp_path: Path, interval: int, counted: int
) -> None:
    api.device()
    story = Story(source)
    story.reports(0, settings={"heartbeat_interval": {"value": interval, "version": 2, "status": 200}})
    with followed(api, tmp_path, story.number):
        for second in (100, 1100, 5000):
            _call(api, second)
    assert _days(api)[TODAY, "api"] == (counted, 0)


def test_calls_of_the_api_count_where_there_is_no_hub(api: Api) -> None:
    api.device()
    for second in (0, 20, 60, 1000):
        _call(api, second)
    assert _days(api) == {(TODAY, "api"): (150, 0)}  # 60 seconds, and 90 that the last was good for
    [span] = api.rows(online_spans)
    assert span.since == span.through


def test_the_better_of_both_ways_counts_for_a_day(api: Api, source: EventSource, tmp_path: Path) -> None:
    api.device()
    story = Story(source)
    story.connects(0)
    story.reports(60)
    with followed(api, tmp_path, 2):
        for second in (0, 80):
            _call(api, second)
    api.clock.now = NOON + timedelta(days=1)
    told = api.get("/api/pi_devices").get_json()["devices"][0]
    assert told["online_seconds"] == {"today": 0, "seven_days": 80}


def test_a_midnight_of_a_clock_that_is_years_ahead_takes_no_days_along(api: Api) -> None:
    api.device()
    days = [(NOON - timedelta(days=number)).date().isoformat() for number in range(DAYS_KEPT + 2)]
    rows = [{"device_id": DEVICE, "day": day, "way": "hub", "online_ms": 1000, "connects": 1} for day in days]
    api.context.writer.submit(lambda books: books.execute(device_days.insert(), rows).rowcount).result(10)
    before_midnight, ahead = 12 * 3600 - 10, 3650 * 86400
    for second in (before_midnight, before_midnight + 20):
        _call(api, ahead + second)
    kept = sorted({row.day for row in api.rows(device_days)}, reverse=True)
    assert kept[2:] == days[: DAYS_KEPT - 2], "the two days that the clock has told make room for themselves alone"
