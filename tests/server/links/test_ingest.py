"""Events of an event hub's partition, booked with their checkpoint; claims; killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from asyncio import run
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from pi_auto.server.links.arrivals import Delivery, event_of
from pi_auto.server.links.checkpoints import BookedCheckpoints
from pi_auto.server.links.partitions import Partition, PartitionBooks, booked_through, move_checkpoint
from pi_auto.server.scans.tables import refusals, scans
from pi_auto.wire.errors import FieldError
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TWIN_CHANGE
from pi_auto.wire.telemetry import telemetry_body
from support.api import DEVICE, Api, open_api
from support.records import scan

PARTITION = Partition("hub.example", "events", "$Default", "0")
HUB = ("hub.example", "events", "$Default")
CLAIM: dict[str, Any] = {
    "fully_qualified_namespace": "hub.example",
    "eventhub_name": "events",
    "consumer_group": "$Default",
    "partition_id": "0",
}


def delivery(number: int, body: object, source: str = "Telemetry", **properties: str) -> Delivery:
    system = {b"iothub-connection-device-id": DEVICE.encode(), b"iothub-message-source": source.encode()}
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    own = {name.encode(): value for name, value in properties.items()}
    return Delivery(number, str(number * 100), "2026-11-25T08:00:00Z", system, own, octets)


def scanned(number: int) -> Delivery:
    record = scan(f"code {number}", number=number + 1, uuid=f"00000000-0000-4000-8000-{number:012d}")
    return delivery(number, telemetry_body(DEVICE, record))


def booked(api: Api) -> list[str]:
    with api.context.store.engine.connect() as connection:
        return list(connection.execute(select(scans.c.text).order_by(scans.c.number)).scalars())


def checkpoint(api: Api) -> int:
    with api.context.store.engine.connect() as connection:
        return booked_through(connection, PARTITION)


def test_a_group_is_booked_and_its_checkpoint_moved(api: Api) -> None:
    PartitionBooks(api.context.writer).book(PARTITION, [scanned(0), scanned(1)])
    assert (booked(api), checkpoint(api)) == (["code 0", "code 1"], 1)
    (listed,) = run(BookedCheckpoints(api.context.store, api.context.writer).list_checkpoints(*HUB))
    assert listed == CLAIM | {"sequence_number": 1, "offset": "100"}


def test_what_comes_again_is_passed_by_and_moves_nothing_back(api: Api) -> None:
    books = PartitionBooks(api.context.writer)
    books.book(PARTITION, [scanned(n) for n in range(3)])
    books.book(PARTITION, [scanned(0), scanned(1)])
    assert (booked(api), checkpoint(api)) == (["code 0", "code 1", "code 2"], 2)


def test_an_event_that_cannot_be_booked_is_noted_and_passed_by(api: Api) -> None:
    poison = [delivery(0, b"\xff"), delivery(1, b"[]", "twinChangeEvents"), delivery(2, b"x" * 300_000)]
    PartitionBooks(api.context.writer).book(PARTITION, [*poison, scanned(3)])
    with api.context.store.engine.connect() as connection:
        reasons = list(connection.execute(select(refusals.c.reason).order_by(refusals.c.id)).scalars())
    assert [reason.split(":")[0] for reason in reasons] == ["event 0", "event 1", "event 2"]
    assert (booked(api), checkpoint(api)) == (["code 3"], 3)


@pytest.mark.parametrize(
    ("source", "properties", "kind"),
    [
        ("twinChangeEvents", {"opType": "updateTwin"}, TWIN_CHANGE),
        ("deviceConnectionStateEvents", {"opType": "deviceConnected"}, CONNECTED),
        ("deviceConnectionStateEvents", {"opType": "deviceDisconnected"}, DISCONNECTED),
    ],
)
def test_iot_hubs_sources_become_the_hubs_events(source: str, properties: dict[str, str], kind: str) -> None:
    event = event_of(delivery(7, {"sequenceNumber": "0A"}, source, **properties))
    assert event is not None
    assert (event.type, event.device_id, event.body) == (kind, DEVICE, {"sequenceNumber": "0A"})


def test_telemetry_keeps_its_octets_and_its_properties() -> None:
    event = event_of(delivery(7, b"\x00\xff", site="Lyon"))
    assert event is not None
    assert (event.body, event.properties) == (b64encode(b"\x00\xff").decode(), {"site": "Lyon"})


def test_a_source_that_is_nothing_to_us_is_no_event() -> None:
    assert event_of(delivery(7, {}, "deviceLifecycleEvents")) is None


def test_an_unknown_state_is_refused_by_name() -> None:
    with pytest.raises(FieldError, match="opType is 'asleep'"):
        event_of(delivery(7, {}, "deviceConnectionStateEvents", opType="asleep"))


def test_of_two_claims_at_once_one_holds(api: Api) -> None:
    store = BookedCheckpoints(api.context.store, api.context.writer)
    (first,) = run(store.claim_ownership([CLAIM | {"owner_id": "one"}]))
    assert list(run(store.claim_ownership([CLAIM | {"owner_id": "two"}]))) == []
    (second,) = run(store.claim_ownership([CLAIM | {"owner_id": "two", "etag": first["etag"]}]))
    assert list(run(store.claim_ownership([first]))) == []
    (held,) = run(store.list_ownership(*HUB))
    assert (held["owner_id"], held["etag"]) == ("two", second["etag"])


def test_a_checkpoint_never_moves_back(api: Api) -> None:
    for number in (5, 3):
        api.context.writer.submit(partial(_move, number)).result(10)
    assert checkpoint(api) == 5


def test_killed_again_and_again_it_books_each_event_once(tmp_path: Path) -> None:
    folder, most = tmp_path / "data", 150
    for goal in (40, 80):
        with _booking(folder, most) as child:
            assert child.stdout is not None
            assert any(int(line) >= goal for line in child.stdout)
            child.kill()
    with _booking(folder, most) as child:
        child.communicate()
        assert child.returncode == 0
    with open_api(folder) as api:
        assert booked(api) == [f"code {number}" for number in range(most)]
        assert checkpoint(api) == most - 1


def _move(number: int, connection: Connection) -> None:
    move_checkpoint(connection, PARTITION, number, str(number))


def _booking(folder: Path, most: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(folder), str(most)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _book_on(folder: Path, most: int) -> None:
    """What a server does: begin behind the checkpoint, one event before it again, and book in small groups."""
    with open_api(folder) as api:
        books = PartitionBooks(api.context.writer)
        for number in range(max(0, checkpoint(api)), most, 10):
            books.book(PARTITION, [scanned(n) for n in range(number, min(number + 10, most))])
            print(checkpoint(api), flush=True)


if __name__ == "__main__":
    _book_on(Path(sys.argv[1]), int(sys.argv[2]))
