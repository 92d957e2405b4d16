from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from pi_auto.server.fleet.tables import devices, spools
from pi_auto.server.scans import refusals, tables
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.scans.refusals import note_refusal
from pi_auto.server.scans.rows import SCAN_COLUMNS
from pi_auto.server.store.statements import execute
from pi_auto.wire.batch import MOST_RECORDS
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record
from support.api import NOW, Api, Device
from support.records import SPOOL, incident, scan, scans


def booked(api: Api) -> list[Any]:
    return list(api.rows(tables.scans))


def book_by_hub(api: Api, device: Device, *records: Record) -> None:
    now = api.clock()
    api.context.writer.submit(lambda books: book(books, device.device_id, records, Way.HUB, now)).result(10)


def test_a_batch_is_booked_and_settled(api: Api) -> None:
    device = api.device()
    answer = device.send(*scans("4006381333931", "0012345678905"), incident(number=3))
    assert answer.settled == Position(SPOOL, 3)
    assert (answer.refused, answer.flagged, answer.resend_from) == ((), (), None)
    assert [(row.text, row.number, row.api_at, row.hub_at) for row in booked(api)] == [
        ("4006381333931", 1, NOW, None),
        ("0012345678905", 2, NOW, None),
    ]
    assert [(row.type, row.number) for row in api.rows(tables.incidents)] == [("scan_lost", 3)]


def test_the_same_batch_again_changes_nothing(api: Api) -> None:
    device = api.device()
    batch: list[Record] = [*scans("A", "B"), incident(number=3)]
    first = device.send(*batch)
    before = booked(api), api.rows(tables.incidents)
    api.clock.pass_by(60)
    assert device.send(*batch) == first
    assert (booked(api), api.rows(tables.incidents)) == before
    assert api.rows(tables.conflicts) == []


def test_a_repeat_with_other_content_is_kept_and_flagged_and_the_first_stays(api: Api) -> None:
    device = api.device()
    [original] = scans("A")
    device.send(original)
    other = replace(original, text="B", raw=b"B")
    assert device.send(other).flagged == (original.uuid,)
    assert device.send(other).flagged == (original.uuid,)  # told again, kept once
    assert [row.text for row in booked(api)] == ["A"]
    assert [(row.uuid, row.content["text"], row.way) for row in api.rows(tables.conflicts)] == [
        (original.uuid, "B", "api")
    ]
    assert api.get("/api/scans").get_json()["scans"][0]["flagged"] is True


def test_two_versions_of_one_uuid_in_one_batch_are_both_kept(api: Api) -> None:
    device = api.device()
    [original] = scans("A")
    assert device.send(original, replace(original, text="B"), original).flagged == (original.uuid,)
    assert [row.text for row in booked(api)] == ["A"]
    assert len(api.rows(tables.conflicts)) == 1


def test_an_incident_with_other_content_is_kept_and_flagged(api: Api) -> None:
    device = api.device()
    lost = incident()
    device.send(lost)
    assert device.send(replace(lost, reason="another")).flagged == (lost.uuid,)
    assert [row.reason for row in api.rows(tables.incidents)] == [lost.reason]
    assert len(api.rows(tables.conflicts)) == 1


def test_records_that_were_salvaged_under_new_positions_are_repeats(api: Api) -> None:
    device = api.device()
    [taken] = scans("A")
    lost = incident(number=2)
    device.send(taken, lost)
    another = "99999999-2222-4333-8444-555555555555"
    salvaged = replace(taken, position=Position(another, 5)), replace(lost, position=Position(another, 6))
    assert device.send(*salvaged, spool=another).flagged == ()
    assert api.rows(tables.conflicts) == []
    assert [(row.spool, row.number) for row in api.rows(tables.incidents)] == [(SPOOL, 2)]


def test_the_same_uuid_of_two_devices_is_two_scans(api: Api) -> None:
    mine, theirs = api.device("pi-00000001"), api.device("pi-00000002")
    [original] = scans("mine")
    mine.send(original)
    before = booked(api)
    assert theirs.send(replace(original, text="theirs")).flagged == ()
    assert booked(api)[:1] == before
    assert [(row.device_id, row.text) for row in booked(api)] == [
        ("pi-00000001", "mine"),
        ("pi-00000002", "theirs"),
    ]


def test_nobody_speaks_for_another_device(api: Api) -> None:
    mine, theirs = api.device("pi-00000001"), api.device("pi-00000002")
    batch = {
        "device_id": mine.device_id,
        "spool": SPOOL,
        "first": 1,
        "through": 1,
        "scans": [scan(number=1).to_json()],
    }
    answer = theirs.post(batch)
    assert answer.status_code == 403
    assert answer.get_json()["field"] == "device_id"
    assert booked(api) == []


@pytest.mark.parametrize("ways", [(Way.HUB, Way.API, Way.API), (Way.API, Way.HUB, Way.HUB)])
def test_a_scan_that_comes_by_both_ways_is_one_row_with_both_arrivals(api: Api, ways: tuple[Way, ...]) -> None:
    device = api.device()
    [taken] = scans("A")
    for way in ways:
        api.clock.pass_by(1)
        if way is Way.API:
            device.send(taken)
        else:
            book_by_hub(api, device, taken)
    [row] = booked(api)
    arrivals = {Way.API: row.api_at, Way.HUB: row.hub_at}
    assert arrivals == {ways[0]: NOW + timedelta(seconds=1), ways[1]: NOW + timedelta(seconds=2)}
    assert row.received_at == NOW + timedelta(seconds=1)


def test_the_second_way_shows_as_a_change_and_a_repeat_does_not(api: Api) -> None:
    device = api.device()
    [taken] = scans("A")
    device.send(taken)
    first = booked(api)[0].changed
    book_by_hub(api, device, taken)
    second = booked(api)[0].changed
    book_by_hub(api, device, taken)
    assert first < second == booked(api)[0].changed
    assert api.context.changes.newest() >= second


def test_a_corrected_time_that_comes_later_is_taken_over(api: Api) -> None:
    device = api.device()
    [taken] = scans("A")
    book_by_hub(api, device, taken)
    device.send(replace(taken, corrected_time=NOW, time_error_ms=800))
    device.send(replace(taken, corrected_time=NOW + timedelta(hours=1), time_error_ms=9))
    [row] = booked(api)
    assert (row.corrected_time, row.scanned_at, row.time_error_ms) == (NOW, NOW, 800)
    assert api.rows(tables.conflicts) == []


def test_nul_is_shown_in_the_text_and_exact_in_the_bytes(api: Api) -> None:
    api.device().send(scan("A\0B", number=1, raw=b"A\0B"))
    [row] = booked(api)
    assert (row.text, row.raw) == ("A\u2400B", b"A\0B")


def test_bad_records_are_refused_one_by_one_and_the_good_ones_booked(api: Api) -> None:
    device = api.device()
    good = scan("good", number=1)
    records = [
        good.to_json(),
        scan("beyond", number=9).to_json(),
        good.to_json() | {"uuid": "nonsense"},
        "not even an object",
        scan("elsewhere", number=2, spool=str(uuid4())).to_json(),
    ]
    answer = device.send(first=1, through=5, scans=records)
    assert [(refusal.list, refusal.index, refusal.error.field) for refusal in answer.refused] == [
        ("scans", 1, "scans[1].number"),
        ("scans", 2, "scans[2].uuid"),
        ("scans", 3, "scans[3]"),
        ("scans", 4, "scans[4].spool"),
    ]
    assert answer.settled.number == 5
    assert [row.text for row in booked(api)] == ["good"]
    device.send(first=1, through=5, scans=records)
    reasons = [row.reason for row in api.rows(tables.refusals)]
    assert len(reasons) == 4, "a repeat of the batch does not note them again"
    assert all(SPOOL in reason for reason in reasons)
    [told] = api.rows(tables.incidents)
    assert (told.device_id, told.type, told.number) == (device.device_id, "records_refused", 1)
    assert told.reason.startswith(f"4 records, the first of them in {reasons[0]}")


def test_of_what_a_device_sends_in_vain_the_newest_is_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is looked through for each record more: without a bound one device would hold up the whole fleet."""
    monkeypatch.setattr(refusals, "_MOST_REFUSALS", 3)
    for number in range(1, 6):
        for device_id in ("pi-1", "pi-2"):
            noting = partial(note_refusal, device_id=device_id, way=Way.HUB, reason=f"event {number}", now=NOW)
            assert api.context.writer.submit(noting).result(10)
    kept = [(row.device_id, row.reason) for row in api.rows(tables.refusals)]
    assert sorted(kept) == [(who, f"event {n}") for who in ("pi-1", "pi-2") for n in (3, 4, 5)]


def test_books_restored_from_a_backup_ask_for_what_they_miss(api: Api) -> None:
    device = api.device()
    taken = scans(*"ABCDEFGH")
    device.send(*taken[:2])  # what the backup holds
    answer = device.send(*taken[5:])
    assert answer.resend_from == Position(SPOOL, 3)
    assert answer.settled == Position(SPOOL, 8)
    assert device.send(*taken[2:8]).resend_from is None
    assert sorted(row.number for row in booked(api)) == list(range(1, 9))
    assert [(row.through, row.asked) for row in api.rows(spools)] == [(8, 0)]


def test_new_books_ask_only_for_what_the_device_still_has(api: Api) -> None:
    device = api.device()
    assert device.send(scan(number=90), oldest=50).resend_from == Position(SPOOL, 50)
    assert "1 to 49" in api.rows(tables.refusals)[0].reason
    device.send(scan(number=90), oldest=50)
    [told] = api.rows(tables.incidents)
    assert (told.device_id, told.type, told.spool, told.number) == (device.device_id, "scans_missing", SPOOL, 1)
    assert "1 to 49 are missing" in told.reason


def test_a_spool_begun_anew_is_settled_by_itself(api: Api) -> None:
    device, second = api.device(), str(uuid4())
    device.send(*scans("A", "B"))
    assert device.send(*scans("C", spool=second), spool=second).resend_from is None
    assert {(row.spool, row.through) for row in api.rows(spools)} == {(SPOOL, 2), (second, 1)}


def test_an_empty_batch_settles_its_numbers(api: Api) -> None:
    assert api.device().send(first=1, through=3).settled.number == 3


def test_the_largest_batch_is_taken(api: Api) -> None:
    answer = api.device().send(*scans(*(f"{number:08d}" for number in range(MOST_RECORDS))))
    assert answer.settled.number == MOST_RECORDS
    assert len(booked(api)) == MOST_RECORDS


def test_a_call_is_a_sign_of_life(api: Api) -> None:
    device = api.device()
    api.clock.pass_by(3600)
    device.send(*scans("A"))
    assert [row.last_api_at for row in api.rows(devices)] == [api.clock()]


def test_calls_within_one_second_are_one_sign_of_life(api: Api) -> None:
    device = api.device()
    [before] = api.rows(devices)
    api.clock.pass_by(0.9)
    device.send(*scans("A"))
    assert api.rows(devices) == [before]
    api.clock.pass_by(0.2)
    device.send(*scans("B"))
    assert [row.last_api_at for row in api.rows(devices)] == [api.clock()]


def test_a_call_before_the_last_one_is_a_sign_of_life_of_a_clock_that_was_put_right(api: Api) -> None:
    device = api.device()
    api.clock.pass_by(24 * 3600)
    device.send()
    api.clock.pass_by(-24 * 3600)
    device.send()
    told = api.get(f"/api/pi_device/{device.device_id}").get_json()
    assert told["status"] == "online"
    assert told["last_seen"] == "2026-11-23T12:05:00.000Z"


def test_a_call_right_after_the_goodbye_is_a_sign_of_life(api: Api) -> None:
    device = api.device()
    goodbye = update(devices).values(said_offline_at=api.clock())
    api.context.writer.submit(lambda books: books.execute(goodbye).rowcount).result(10)
    api.clock.pass_by(0.1)
    device.send(*scans("A"))
    assert [row.last_api_at for row in api.rows(devices)] == [api.clock()]


def test_a_token_that_was_replaced_opens_nothing_even_where_it_is_remembered(api: Api) -> None:
    device = api.device()
    device.send(*scans("A"))  # the server has seen the token and may remember it
    for _ in range(2):  # the newest two are good
        api.clock.pass_by(1)
        assert api.register(device.device_id, device.claim).status_code == 200
    batch = {"device_id": device.device_id, "spool": SPOOL, "first": 1, "through": 1}
    for _ in range(2):
        assert device.post(batch | {"scans": [scan("B", number=1).to_json()]}).status_code == 401
    assert [row.text for row in booked(api)] == ["A"]


def test_every_column_of_a_scan_is_written() -> None:
    assert {*SCAN_COLUMNS, "id", "received_at", "api_at", "hub_at", "changed", "legacy", "hub_name"} == set(
        tables.scans.c.keys()
    )


def test_what_the_driver_refuses_is_told_as_an_error_of_sqlalchemy(api: Api) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        api.context.writer.submit(lambda books: execute(books, "DELETE FROM nowhere")).result(10)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 43, "Bearer \u00fc" * 20]
)
def test_without_a_good_token_nothing_is_booked(api: Api, authorization: str | None) -> None:
    device = api.device()
    headers = {} if authorization is None else {"Authorization": authorization}
    batch = {"device_id": device.device_id, "spool": SPOOL, "first": 1, "through": 1}
    answer = api.client.post("/api/scans", json=batch, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(answer.get_json()) == {"error"}
