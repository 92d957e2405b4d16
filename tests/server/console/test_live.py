from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pi_auto.server.console import queries
from pi_auto.server.console.content import Seen
from pi_auto.server.console.frames import Press
from pi_auto.server.console.queries import MOST_SCANS, PLAIN
from pi_auto.server.console.stream import MOST_STREAMS, Seats
from pi_auto.server.scans.booking import Way
from pi_auto.server.scans.queries import ScanFilter
from support.api import DEVICE, NOW
from support.records import incident, scan
from support.site import Site, elements, frames


def at(site: Site) -> int:
    return int(site.clock().timestamp() * 1000)


def test_a_new_page_is_told_the_devices_and_then_each_scan_as_it_is_booked(site: Site) -> None:
    site.add_device(last_api_at=NOW)
    shown = site.context.changes.newest()
    events = frames(site.stream(f"?after={shown}"))
    number, opening = next(events)
    assert number == opening["after"] == shown
    assert elements(opening["devices"]) == [f"device-{DEVICE}"]
    assert opening["scans"] == opening["incidents"] == []
    site.book(scan("4006381333931"))
    number, frame = next(events)
    assert number == frame["after"] == shown + 1
    assert elements(frame["scans"]) == ["scan-1"]
    assert frame["scans"][0]["html"].startswith('<tr id="scan-1" ')
    assert "4006381333931" in frame["scans"][0]["html"]
    assert frame["devices"] == []


def test_an_event_holds_hostile_text_as_escaped_markup_in_one_line(site: Site) -> None:
    site.add_device()
    site.book(scan("<script>alert(1)</script>\n\ndata: {}\x1b"))
    stream = site.stream("?after=1").iter_encoded()
    assert next(stream) == b"retry: 1000\n\n"
    event = next(stream)
    assert event.count(b"\n") == 3
    assert b"<script" not in event
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;\\\\n\\\\ndata: {}\\\\x1b" in event


def test_a_page_that_comes_back_is_told_what_it_missed_and_no_more(site: Site) -> None:
    site.add_device()
    site.book(scan("seen"))
    shown = site.context.changes.newest()
    site.book(scan("missed"), incident(number=3))
    _, frame = next(frames(site.stream(f"?after=0&at={at(site)}", **{"Last-Event-ID": str(shown)})))
    assert elements(frame["scans"]) == ["scan-2"]
    assert elements(frame["incidents"]) == ["incident-1"]
    assert frame["devices"] == []


def test_a_scan_that_comes_by_the_other_way_too_replaces_its_row(site: Site) -> None:
    site.add_device()
    taken = scan()
    site.book(taken)
    shown = site.context.changes.newest()
    site.book(taken, way=Way.HUB)
    frame = site.poll(shown, at(site))
    assert elements(frame["scans"]) == ["scan-1"]
    assert frame["scans"][0]["html"].count("✓") == 2


def test_polling_gives_the_same_frames(site: Site) -> None:
    site.add_device()
    first = site.poll()
    assert elements(first["devices"]) == [f"device-{DEVICE}"]
    assert first["at"] == at(site)
    site.book(scan())
    second = site.poll(first["after"], first["at"])
    assert elements(second["scans"]) == ["scan-1"]
    site.clock.pass_by(2)
    third = site.poll(second["after"], second["at"])
    assert third["scans"] == third["devices"] == third["incidents"] == []


@pytest.mark.parametrize(("silence", "presence"), [(89, None), (91, "late"), (301, "offline")])
def test_a_device_that_falls_silent_is_told_of_though_nothing_was_booked(
    site: Site, silence: float, presence: str | None
) -> None:
    site.add_device(last_heartbeat_at=NOW)
    before = site.poll()
    site.clock.pass_by(silence)
    frame = site.poll(before["after"], before["at"])
    assert [presence] == (
        [each["html"].split('data-presence="')[1].split('"')[0] for each in frame["devices"]] or [None]
    )


def test_a_page_may_say_that_it_shows_a_moment_of_whatever_year(site: Site) -> None:
    site.add_device(last_api_at=NOW)
    for at in (0, 253370764800000):
        assert site.client.get(f"/live?after=0&at={at}").status_code == 200


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=1e3", "after=²", f"after={2**63}", "at=253370764800001"]
)
def test_a_wrong_position_is_refused_by_name(site: Site, query: str) -> None:
    answer = site.client.get(f"/live?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["field"] == query.partition("=")[0]
    assert answer.get_json()["allowed"].startswith("a whole number from 0 to ")


@pytest.mark.parametrize(
    ("query", "told"), [({"text": "a"}, ["scan-1"]), ({"device": "goods-in"}, ["scan-1"]), ({"text": "zz"}, [])]
)
def test_a_filtered_page_is_told_of_what_passes_its_filter(
    site: Site, query: dict[str, str], told: list[str]
) -> None:
    site.add_device(hostname="goods-in")
    site.add_device("pi-5e6f7a8b")
    site.book(scan("a1"))
    site.book(scan("b1"), device_id="pi-5e6f7a8b")
    frame = site.poll(0, query=query)
    assert elements(frame["scans"]) == told
    assert (
        elements(frame["devices"]) == [f"device-{DEVICE}", "device-pi-5e6f7a8b"][: 1 if "device" in query else 2]
    )


def test_a_page_far_behind_is_told_of_the_newest_scans_only(site: Site) -> None:
    site.add_device()
    site.book(*(scan() for _ in range(MOST_SCANS + 100)))
    told = elements(site.poll(1)["scans"])
    assert told == [f"scan-{n}" for n in range(MOST_SCANS + 100, 100, -1)]


@pytest.mark.parametrize("much", [10_000, 10])
def test_a_filtered_page_that_is_behind_is_told_of_the_newest_that_pass(
    site: Site, monkeypatch: pytest.MonkeyPatch, much: int
) -> None:
    monkeypatch.setattr(queries, "_MUCH", much)
    site.add_device()
    site.book(scan("rare"))
    shown = site.context.changes.newest()
    site.book(scan("rare"), *(scan("other") for _ in range(MOST_SCANS + 100)), scan("rare"))
    told = elements(site.poll(shown, query={"text": "rare"})["scans"])
    assert told == [f"scan-{MOST_SCANS + 103}", "scan-2"]


def test_a_page_of_a_busy_fleet_searches_what_changed_and_not_all_books(site: Site) -> None:
    site.add_device()
    shown = site.context.changes.newest()
    site.book(*(scan() for _ in range(MOST_SCANS + 100)))
    asked: list[tuple[str, Any]] = []
    with site.context.store.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))
        assert queries.scans_after(connection, ScanFilter(limit=MOST_SCANS, text="rare"), shown) == []
    searches = [each for each in asked if "LIKE" in each[0]]
    assert searches
    with site.context.store.engine.connect() as connection:
        for sql, values in searches:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
            assert any("SEARCH scans USING INDEX ix_scans_changed" in row[3] for row in plan), plan


def test_a_burst_of_scans_is_few_events(site: Site) -> None:
    site.add_device()
    events = frames(site.stream("?after=1"))
    next(events)
    for _ in range(40):
        site.book(scan())
    told: list[str] = []
    count = 0
    while len(told) < 40:
        told += elements(next(events)[1]["scans"])
        count += 1
    assert sorted(set(told)) == sorted(f"scan-{n}" for n in range(1, 41))
    assert count <= 3


def test_a_page_that_shows_other_books_than_these_is_told_to_load_anew(site: Site) -> None:
    site.add_device()
    assert site.poll(1)["reload"] is False
    assert site.poll(2)["reload"] is True
    assert [frame["reload"] for _, frame in frames(site.stream("?after=2"))] == [True]


def test_pages_that_wake_for_one_change_share_one_look_at_the_books(site: Site) -> None:
    site.add_device(last_api_at=NOW)
    press = Press()
    site.book(scan())
    frame = press.frame(site.context, PLAIN, Seen(1, at(site) - 5000))
    assert press.frame(site.context, PLAIN, Seen(1, at(site) - 4000)) is frame
    assert press.frame(site.context, PLAIN, Seen(2, at(site) - 4000)) is frame
    assert press.frame(site.context, PLAIN, Seen(1, at(site) - 6000)) is not frame, "it may have missed a presence"
    assert press.frame(site.context, PLAIN, Seen(0, at(site) - 4000)) is not frame, "it has missed a change"
    site.clock.pass_by(2)
    assert press.frame(site.context, PLAIN, Seen(1, at(site) - 4000)) is not frame, (
        "time may have changed a presence"
    )


def test_a_waiting_stream_holds_no_database_connection(site: Site) -> None:
    events = frames(site.stream())
    next(events)
    assert site.context.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_page_beyond_the_last_seat_is_refused_and_can_poll(site: Site) -> None:
    for _ in range(MOST_STREAMS):
        assert site.stream().status_code == 200
    refused = site.stream()
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "30"
    assert "100 live pages are open" in refused.get_json()["error"]
    assert site.poll()["scans"] == []
    site.streams[0].close()
    assert site.stream().status_code == 200


def test_a_seat_is_given_back_once() -> None:
    seats = Seats(1)
    leave = seats.take()
    assert leave is not None
    assert seats.take() is None
    leave()
    leave()
    assert seats.take() is not None
    assert seats.take() is None


def test_asking_for_the_head_of_a_stream_takes_no_seat(site: Site) -> None:
    for _ in range(MOST_STREAMS + 1):
        assert site.client.head("/live", headers={"Accept": "text/event-stream"}).status_code == 200


def test_streams_end_when_the_server_stops(site: Site) -> None:
    stream = site.stream()
    reader = threading.Thread(target=lambda: list(stream.iter_encoded()), daemon=True)
    reader.start()
    site.context.stop_streams()
    reader.join(2)
    assert not reader.is_alive()


def test_a_stream_speaks_regularly_though_nothing_happens(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_auto.server.console.stream.WORD", 0.05)
    events = frames(site.stream())
    quiet = [next(events)[1] for _ in range(3)]
    assert all(frame["scans"] == [] for frame in quiet)


def test_a_device_seen_again_is_told_of_at_once(site: Site) -> None:
    site.add_device(last_heartbeat_at=NOW - timedelta(hours=1))
    events = frames(site.stream("?after=1"))
    assert 'data-presence="offline"' in next(events)[1]["devices"][0]["html"]
    site.alter_device(last_heartbeat_at=NOW)
    assert 'data-presence="online"' in next(events)[1]["devices"][0]["html"]


def test_a_stream_that_is_left_gives_its_seat_back(site: Site) -> None:
    for _ in range(MOST_STREAMS + 1):
        stream = site.stream()
        assert stream.status_code == 200
        next(frames(stream))
        stream.close()


def test_a_page_of_offline_devices_is_told_who_comes_and_who_goes(site: Site) -> None:
    site.add_device("pi-1", last_api_at=NOW - timedelta(hours=1))
    site.add_device("pi-2", last_api_at=NOW)
    page = site.page("?status=offline")
    assert ('id="device-pi-1"' in page, 'id="device-pi-2"' in page) == (True, False)
    assert '<option value="offline" selected>' in page
    assert "status" not in page.partition('class="exports"')[2].partition("</p>")[0]  # scans have none
    shown, then = site.context.changes.newest(), at(site)
    site.clock.pass_by(600)
    gone = site.poll(shown, then, {"status": "offline"})
    assert (elements(gone["devices"]), gone["only"]) == (["device-pi-2"], ["device-pi-1", "device-pi-2"])
    site.alter_device("pi-1", last_api_at=site.clock())
    soon = site.poll(shown, then, {"status": "offline"})
    assert soon == gone, "it is not searched anew for each page and change"
    site.clock.pass_by(5)
    back = site.poll(gone["after"], gone["at"], {"status": "offline"})
    assert (back["devices"], back["only"]) == ([], ["device-pi-2"])
    assert site.poll(shown, then)["only"] is None  # a page of all devices
    assert site.client.get("/?status=asleep").status_code == 400
