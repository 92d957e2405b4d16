"""Lists of a whole fleet: told in steps, whole or in parts, without much more memory than the answer takes."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import insert, update

from pi_auto.server.api.devices import MOST_AT_ONCE, one_step
from pi_auto.server.fleet.tables import device_days, devices
from support.api import NOW, Api

HEARTBEAT = {
    "status": "online",
    "device_info": {"hostname": "till", "services": ["ssh"]},
    "services": {"pi-auto-capture": "active", "pi-auto-agent": "active"},
    "versions": {"client": "1.2.3", "kernel": "6.6.31+rpt-rpi-v8"},
    "queue": {"api": {"waiting": 0, "oldest_age_seconds": 1.5}, "hub": {"waiting": 0, "oldest_age_seconds": 0}},
    "disk": {"free": 20_000_000_000, "total": 32_000_000_000, "percent": 38},
}


def ids(count: int) -> list[str]:
    return [f"pi-{number:08x}" for number in range(count)]


def enrol(api: Api, *device_ids: str) -> None:
    """Put devices into the books that have been heard of just now and were online for some of today."""
    rows = [
        {"device_id": each, "hostname": "till", "client_version": "1.2.3", "system_info": {"serial": each},
         "registered_at": NOW, "last_api_at": NOW, "reported": HEARTBEAT, "changed": number}
        for number, each in enumerate(device_ids)
    ]  # fmt: skip
    day = {"day": NOW.date().isoformat(), "way": "api", "connects": 0}
    days = [day | {"device_id": each, "online_ms": 1000 * number} for number, each in enumerate(device_ids)]

    def put(books: Any) -> None:
        books.execute(insert(devices), rows)
        books.execute(insert(device_days), days)

    api.context.writer.submit(put).result(30)


def listed(api: Api, **query: Any) -> Any:
    answer = api.get("/api/pi_devices", **query)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def ids_in(answer: Any) -> list[str]:
    return [device["device_id"] for device in answer["devices"]]


@pytest.mark.parametrize("count", [0, 1, MOST_AT_ONCE - 1, MOST_AT_ONCE, MOST_AT_ONCE + 1, 3 * MOST_AT_ONCE])
def test_every_device_is_listed_once_by_id_however_many_there_are(api: Api, count: int) -> None:
    if count:
        enrol(api, *ids(count))
    answer = listed(api)
    assert list(answer) == ["devices", "total_count", "timestamp"]
    assert ids_in(answer) == ids(count)
    assert answer["total_count"] == count
    assert [device["online_seconds"]["today"] for device in answer["devices"]] == list(range(count))


@pytest.mark.parametrize("limit", [1, 3, 9, 10])
def test_the_parts_of_a_list_are_the_whole_list(api: Api, limit: int) -> None:
    enrol(api, *ids(9))
    parts = [listed(api, limit=limit)]
    while parts[-1]["next"]:
        parts.append(listed(api, limit=limit, after=parts[-1]["next"]))
    assert all(part["total_count"] == 9 for part in parts)
    assert [device for part in parts for device in part["devices"]] == listed(api)["devices"]


def test_a_part_is_as_long_as_was_asked_for_across_the_steps(api: Api) -> None:
    enrol(api, *ids(2 * MOST_AT_ONCE))
    answer = listed(api, limit=MOST_AT_ONCE + 5, after="pi-00000004")
    assert ids_in(answer) == ids(2 * MOST_AT_ONCE)[5 : MOST_AT_ONCE + 10]
    assert answer["next"] == ids_in(answer)[-1]


@pytest.mark.parametrize(
    ("query", "field"), [({"limit": "0"}, "limit"), ({"limit": "10001"}, "limit"), ({"page": "2"}, "page")]
)
def test_a_wrong_parameter_of_a_list_is_refused_by_name(api: Api, query: dict[str, str], field: str) -> None:
    answer = api.get("/api/pi_devices", **query)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_a_list_takes_little_more_memory_than_its_answer(api: Api) -> None:
    """Four lists of ten thousand devices took 800 MB when each was made in one step."""
    enrol(api, *ids(6 * MOST_AT_ONCE))
    api.get("/api/pi_devices", limit=1)
    tracemalloc.start()
    try:
        answer = api.get("/api/pi_devices")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5 * len(answer.data)


def test_lists_that_are_made_at_once_take_turns(api: Api) -> None:
    """Each is a thread that wants the interpreter: together they are to take the part of one."""
    enrol(api, *ids(2))
    made: list[int] = []
    lister = Thread(target=lambda: made.append(api.get("/api/pi_devices").status_code))
    with one_step:  # as another list has it
        lister.start()
        lister.join(0.3)
        assert lister.is_alive()
        assert api.get("/api/pi_device/pi-00000001").status_code == 200
    lister.join(30)
    assert made == [200]


def test_those_of_one_presence_are_listed_and_counted_whole_or_in_parts(api: Api) -> None:
    enrol(api, *ids(12))
    silent = update(devices).where(devices.c.device_id.in_(ids(12)[::3]))
    long_ago = silent.values(last_api_at=NOW - timedelta(hours=1))
    api.context.writer.submit(lambda books: books.execute(long_ago).rowcount).result(10)
    whole = listed(api, status="offline")
    assert (ids_in(whole), whole["total_count"]) == (ids(12)[::3], 4)
    assert {device["status"] for device in whole["devices"]} == {"offline"}
    first = listed(api, status="offline", limit=3)
    assert (ids_in(first), first["total_count"]) == (ids(12)[::3][:3], 4)
    assert ids_in(listed(api, status="offline", after=first["next"])) == ids(12)[9:10]
    assert listed(api, status="never")["devices"] == []
    refused = api.get("/api/pi_devices", status="asleep")
    assert (refused.status_code, "online" in refused.text) == (400, True)
