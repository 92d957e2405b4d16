from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.dialects import sqlite

from pi_auto.server.api.listing import MOST_DOWNLOADS
from pi_auto.server.fleet.contacts import note_contact
from pi_auto.server.links.events import book_event
from pi_auto.server.scans import queries
from pi_auto.server.scans.queries import MOST_IN_PAGE, ScanFilter, _is_few, _query
from pi_auto.wire.hublink import TWIN_CHANGE, Event
from pi_auto.wire.times import format_time
from support.api import DEVICE, NOW, Api
from support.records import SPOOL, START, scan, scans, stamp

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "two\nlines\r": "two\\nlines\\r",
    "\x1b[31mred": "\\x1b[31mred",
    "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
    "+1": "'+1",
    "-1": "'-1",
    "@SUM(A1)": "'@SUM(A1)",
    "\uff1dHYPERLINK(1)": "'\uff1dHYPERLINK(1)",
    "a;\uff201;b": "a;'\uff201;b",
    "a;=1+1;b": "a;'=1+1;b",
    'a; "=1+1&";b': 'a;\' "=1+1&";b',
    "a;b;c": "a;b;c",
    "\tx": "'\\tx",
    "\rx": "'\\rx",
    'say "hi", you': 'say "hi", you',
    "0012345678905": "0012345678905",
    "back\\slash": "back\\\\slash",
    "\u202egnp": "\\u202egnp",
}


def texts(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [scan["text"] for scan in answer.get_json()["scans"]]


def test_scans_are_listed_whole_and_newest_first(api: Api) -> None:
    device = api.device()
    taken = scans("A", "B", "C")
    device.send(*taken)
    answer = api.get("/api/scans").get_json()
    assert answer["count"] == 3
    assert [entry["text"] for entry in answer["scans"]] == ["C", "B", "A"]
    assert answer["scans"][2] == {
        "device_id": DEVICE,
        "uuid": taken[0].uuid,
        "spool": SPOOL,
        "number": 1,
        "text": "A",
        "raw": "QQ==",
        "quantity": 1,
        "aim": None,
        "symbology": None,
        "gtin": None,
        "check_digit_ok": None,
        "repeat_of": None,
        "scanner": taken[0].scanner.to_json(),
        "scanned_at": "2026-11-23T12:00:01.000Z",
        "wall_time": "2026-11-23T12:00:01.000Z",
        "synced": True,
        "corrected_time": None,
        "time_error_ms": None,
        "received_at": format_time(NOW),
        "api_at": format_time(NOW),
        "hub_at": None,
        "flagged": False,
        "cloned": False,
        "legacy": False,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"device": "pi-00000001"}, "CBA"),
        ({"device": "host-of-pi-00000002"}, "D"),
        ({"device": "nobody"}, ""),
        ({"since": format_time(START + timedelta(seconds=2))}, "DCB"),
        ({"until": format_time(START + timedelta(seconds=2))}, "A"),
        ({"since": "2026-11-23T13:00:02+01:00", "until": "2026-11-23 12:00:03"}, "B"),
        ({"text": "B"}, "B"),
        ({"text": "%"}, ""),
        ({"text": "_"}, ""),
        ({"limit": "2"}, "DC"),
        ({"limit": "2", "order": "oldest"}, "AB"),
        ({"device": "", "limit": ""}, "DCBA"),
    ],
)
def test_a_filter_lets_through_what_it_names(api: Api, query: dict[str, str], expected: str) -> None:
    api.device("pi-00000001").send(*scans(*"ABC"))
    api.device("pi-00000002").send(scan("D", number=4), first=1)
    assert "".join(texts(api.get("/api/scans", **query))) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "\u0661"}, "limit"),
        ({"limit": "9" * 50}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"format": "xml"}, "format"),
        ({"order": "random"}, "order"),
        ({"text": "x" * 8193}, "text"),
        ({"devise": "pi-1"}, "devise"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(api: Api, query: dict[str, str], field: str) -> None:
    answer = api.get("/api/scans", **query)
    assert answer.status_code == 400
    assert answer.get_json()["field"] == field
    assert answer.get_json()["allowed"]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_an_export_holds_every_scan_once_whatever_the_size(api: Api, count: int) -> None:
    device = api.device()
    for first in range(1, count + 1, 500):
        device.send(*scans(*(f"{n:05d}" for n in range(first, min(first + 500, count + 1))), first=first))
    lines = api.get("/api/scans", format="ndjson", order="oldest").text.splitlines()
    assert [json.loads(line)["text"] for line in lines] == [f"{n:05d}" for n in range(1, count + 1)]
    rows = list(csv.reader(io.StringIO(api.get("/api/scans", format="csv").text)))
    assert len(rows) == count + 1


def test_json_without_a_limit_holds_the_newest_hundred(api: Api) -> None:
    api.device().send(*scans(*(str(n) for n in range(150))))
    assert texts(api.get("/api/scans")) == [str(n) for n in range(149, 49, -1)]
    assert len(texts(api.get("/api/scans", limit=10_000))) == 150


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_accept_header_chooses_the_format(api: Api, accept: str, mimetype: str) -> None:
    assert api.client.get("/api/scans", headers={"Accept": accept}).mimetype == mimetype


def test_the_format_parameter_goes_before_the_accept_header(api: Api) -> None:
    answer = api.client.get("/api/scans?format=ndjson", headers={"Accept": "text/csv"})
    assert answer.mimetype == "application/x-ndjson"


def test_in_csv_hostile_text_neither_commands_nor_calculates(api: Api) -> None:
    api.device().send(*scans(*HOSTILE))
    answer = api.get("/api/scans", format="csv", order="oldest")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["text"] for row in rows] == list(HOSTILE.values())
    assert all(line.isprintable() for line in answer.text.split("\r\n"))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_spreadsheet_that_parts_lines_at_semicolons_calculates_nothing_either(api: Api) -> None:
    api.device().send(*scans(*HOSTILE))
    answer = api.get("/api/scans", format="csv")
    cells = [cell for line in answer.text.split("\r\n") for cell in line.split(";")]  # no quotes count there
    assert [cell for cell in cells if cell.lstrip('" ').startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_in_json_hostile_text_is_exact_and_still_plain_ascii(api: Api, form: str) -> None:
    api.device().send(*scans(*HOSTILE))
    answer = api.get("/api/scans", format=form, order="oldest")
    entries = json.loads(answer.text)["scans"] if form == "json" else map(json.loads, answer.text.splitlines())
    assert [entry["text"] for entry in entries] == list(HOSTILE)
    assert answer.text.isascii()
    assert "\x1b" not in answer.text


def test_devices_are_listed_in_the_legacy_contracts_shape(api: Api) -> None:
    api.device("pi-00000002", ip_address="192.168.1.18")
    api.device("pi-00000001")
    answer = api.get("/api/pi_devices").get_json()
    assert answer["total_count"] == 2
    assert answer["timestamp"] == format_time(NOW)
    assert [device["device_id"] for device in answer["devices"]] == ["pi-00000001", "pi-00000002"]
    assert answer["devices"][1] == {
        "device_id": "pi-00000002",
        "hostname": "host-of-pi-00000002",
        "registration_date": format_time(NOW),
        "last_seen": format_time(NOW),
        "status": "online",
        "client_version": "1.0.0",
        "system_info": {"hostname": "host-of-pi-00000002", "ip_address": "192.168.1.18"},
        "flapping": False,
        "connected_at": None,
        "disconnected_at": None,
        "online_seconds": {"today": 0, "seven_days": 0},
        "health": {},
        "legacy": False,
    }


@pytest.mark.parametrize(("silent", "status"), [(0, "online"), (91, "late"), (301, "offline")])
def test_the_listed_status_expires_by_itself(api: Api, silent: float, status: str) -> None:
    api.device()
    api.clock.pass_by(silent)
    assert api.get("/api/pi_devices").get_json()["devices"][0]["status"] == status


@pytest.mark.parametrize("name", [DEVICE, f"host-of-{DEVICE}"])
def test_a_device_is_found_by_id_and_by_host_name(api: Api, name: str) -> None:
    api.device()
    answer = api.get(f"/api/pi_device/{name}")
    assert answer.status_code == 200
    assert answer.get_json()["device_id"] == DEVICE


def test_of_two_devices_with_one_host_name_the_one_heard_of_last_is_meant(api: Api) -> None:
    api.device("pi-00000001", hostname="raspberrypi")
    api.clock.pass_by(1)
    api.device("pi-00000002", hostname="raspberrypi")
    api.clock.pass_by(1)
    assert api.get("/api/pi_device/raspberrypi").get_json()["device_id"] == "pi-00000002"


def test_an_unknown_device_is_a_404_in_json(api: Api) -> None:
    answer = api.get("/api/pi_device/nobody")
    assert answer.status_code == 404
    assert "nobody" in answer.get_json()["error"]


def test_what_a_device_reported_last_is_laid_over_what_it_registered_with(api: Api) -> None:
    api.device(ip_address="192.168.1.18", cpu_model="BCM2711")
    reported = {"status": "online", "device_info": {"ip_address": "10.0.0.7", "hostname": "till-3"}}
    event = Event(1, TWIN_CHANGE, DEVICE, format_time(NOW), body={"properties": {"reported": reported}})
    api.context.writer.submit(lambda books: book_event(books, event, NOW)).result(10)
    told = api.get("/api/pi_device/till-3").get_json()
    assert told["system_info"] == {"hostname": "till-3", "ip_address": "10.0.0.7", "cpu_model": "BCM2711"}
    assert told["reported"] == reported


def test_a_twin_with_what_is_no_number_hides_no_device(api: Api) -> None:
    api.device()
    reported = {"temperature": float("nan"), "device_info": {"load": float("inf")}}
    event = Event(1, TWIN_CHANGE, DEVICE, format_time(NOW), body={"properties": {"reported": reported}})
    api.context.writer.submit(lambda books: book_event(books, event, NOW)).result(10)
    [listed] = api.get("/api/pi_devices").get_json()["devices"]
    assert listed["system_info"]["load"] is None
    told = api.get(f"/api/pi_device/{DEVICE}").get_json()
    assert told["reported"] == {"temperature": None, "device_info": {"load": None}}


def test_of_many_devices_with_one_host_name_the_one_heard_of_last_is_meant(api: Api) -> None:
    for device_id in ("pi-00000002", "pi-00000001", "pi-00000003"):
        api.device(device_id, hostname="raspberrypi")
        api.clock.pass_by(1)
    api.context.writer.submit(lambda books: note_contact(books, "pi-00000001", api.clock.now)).result(10)
    assert api.get("/api/pi_device/raspberrypi").get_json()["device_id"] == "pi-00000001"


def test_downloads_are_bounded_in_number_and_short_lists_are_not(api: Api) -> None:
    api.device().send(*scans("A"))
    held = [api.client.get("/api/scans?format=csv", buffered=False) for _ in range(MOST_DOWNLOADS)]
    refused = api.get("/api/scans", format="csv")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert api.get("/api/scans", format="csv", limit=1000).status_code == 200
    assert texts(api.get("/api/scans")) == ["A"]
    for answer in held:
        answer.close()
    assert api.get("/api/scans", format="csv").status_code == 200


@pytest.mark.parametrize("beyond", [None, 1000])
@pytest.mark.parametrize("since", [None, START])
def test_the_pages_of_a_devices_scans_are_found_without_sorting_them(
    api: Api, beyond: int | None, since: datetime | None
) -> None:
    wanted = ScanFilter(device_id=DEVICE, since=since, beyond=beyond, limit=MOST_IN_PAGE)
    query = _query(wanted).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with api.context.store.engine.connect() as connection:
        plan = " ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "SEARCH scans USING INDEX" in plan
    assert ("TEMP B-TREE" in plan) == (beyond is None and since is not None), "the first page may be all there is"


@pytest.mark.parametrize(("since", "until"), [(START, None), (None, START), (START, NOW)])
def test_a_few_minutes_are_found_by_their_times_and_much_in_the_order_of_booking(
    api: Api, monkeypatch: pytest.MonkeyPatch, since: datetime | None, until: datetime | None
) -> None:
    def plan() -> str:
        wanted = ScanFilter(since=since, until=until, limit=MOST_IN_PAGE)
        with api.context.store.engine.connect() as connection:
            few = _is_few(connection, wanted)
            query = _query(wanted, few=few).compile(
                dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
            )
            return " ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))

    taken = scans("A", "B")
    api.device().send(*taken, replace(taken[0], uuid=str(uuid4()), stamp=replace(stamp(), wall_time=LONG_AGO)))
    assert "SEARCH scans USING INDEX ix_scans_scanned_at" in plan()
    monkeypatch.setattr(queries, "_FEW", 1)
    assert "SCAN scans" in plan()
    assert "TEMP B-TREE" not in plan()


@pytest.mark.parametrize("few", [1, 10_000])
def test_a_list_that_is_bounded_by_times_is_the_same_however_it_is_found(
    api: Api, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(queries, "_FEW", few)
    api.device().send(*scans(*"ABCD"))
    span = {"since": format_time(START + timedelta(seconds=2)), "until": format_time(START + timedelta(seconds=4))}
    assert texts(api.get("/api/scans", **span)) == ["C", "B"]
    assert texts(api.get("/api/scans", order="oldest", **span)) == ["B", "C"]
    assert texts(api.get("/api/scans", order="oldest", limit=1, **span)) == ["B"]


def test_a_list_of_several_pages_that_is_bounded_by_times_is_whole(api: Api) -> None:
    device = api.device()
    for first in range(1, 2501, 500):
        device.send(*scans(*[str(first + n) for n in range(500)], first=first))
    span = {"since": format_time(START), "until": format_time(START + timedelta(seconds=2400))}
    for order in ("newest", "oldest"):
        listed = api.get("/api/scans", format="ndjson", device=DEVICE, order=order, **span).text.splitlines()
        numbers = [json.loads(line)["number"] for line in listed]
        assert numbers == sorted(range(1, 2400), reverse=order == "newest")
