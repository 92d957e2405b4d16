"""Old clients prove nothing: what strangers try on the port that serves them, and how each of it ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pi_auto.server.audit.tables import audit
from pi_auto.server.enrolment import granting
from pi_auto.server.legacy.calls import MOST_BODY
from pi_auto.server.legacy.devices import MOST_OF_NETWORK
from pi_auto.server.legacy.networks import MOST_DAYS
from pi_auto.server.scans.tables import scans
from pi_auto.wire.errors import FieldError
from support.enrolling import Desk, box
from support.old_client import Door, OldClient, old_door
from support.server import Answer

NETWORK = "127.0.0.0/24"
ID = "pi-1a2b3c4d"
CALLS: dict[str, Callable[[OldClient], Answer]] = {
    "register_device": OldClient.register,
    "barcodeScan": lambda client: client.scan("4006381333931"),
    "check_update": OldClient.check_update,
    "update_status": lambda client: client.report("1.0.0", "success"),
}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Legacy mode is on for 127.0.0.0/24."""
    with old_door(tmp_path) as opened:
        opened.admin("legacy on", networks=[NETWORK], days=30)
        yield opened


def outcomes(door: Door) -> list[tuple[str, str]]:
    """Action and outcome of the audit trail."""
    with door.context.store.engine.connect() as connection:
        return [(row.action, row.outcome) for row in connection.execute(select(audit).order_by(audit.c.number))]


def booked(door: Door) -> list[Any]:
    with door.context.store.engine.connect() as connection:
        return list(connection.execute(select(scans)))


def enrol_with_key(door: Door, serial: str = "100000001a2b3c4d") -> None:
    """A new client with a key has the id that follows from the serial."""
    desk, device = Desk(door.context.store, door.context.writer, door.clock()), box(serial)
    desk.enrol(device)
    desk.do(lambda books: granting.approve(books, serial, device.key.fingerprint, "ann", desk.now))
    desk.enrol(device)


@pytest.mark.parametrize("name", CALLS)
def test_with_legacy_mode_off_each_call_is_told_what_to_do(tmp_path: Path, name: str) -> None:
    with old_door(tmp_path) as door:
        answer = CALLS[name](door.client())
        assert answer.status == 403
        assert "pi-auto-server legacy on --network 127.0.0.0/24 --days 30" in answer.json["error"]
        assert answer.json["instead"].startswith("https://fleet.local:5443")
        assert outcomes(door) == [("legacy", "legacy mode is off here")]
        assert door.admin("legacy list") == {"networks": [], "devices": [], "more": False}


@pytest.mark.parametrize("name", CALLS)
def test_who_is_not_on_a_listed_network_is_refused_whatever_it_says_of_itself(door: Door, name: str) -> None:
    door.approved()
    stranger = door.client(source="127.0.1.5")
    assert CALLS[name](stranger).status == 403
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert stranger.scan("1", {header: "127.0.0.1"}).status == 403
    assert booked(door) == []


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_what_came_through_a_proxy_is_refused_even_from_a_listed_address(door: Door, header: str) -> None:
    client = door.approved()
    answer = client.scan("1", {header: "127.0.0.1"})
    assert answer.status == 403
    assert "proxy" in answer.json["error"]
    assert booked(door) == []


def test_the_first_contact_waits_and_is_given_nothing(door: Door) -> None:
    for name, call in CALLS.items():
        answer = call(door.client())
        assert answer.status == 403, name
        assert f"legacy approve {ID}" in answer.json["error"]
        assert "connection_string" not in answer.json
    assert door.device()["state"] == "waits"
    assert booked(door) == []


@pytest.mark.parametrize("name", CALLS)
def test_an_id_that_belongs_to_a_key_is_nobodys_here(door: Door, name: str) -> None:
    client = door.approved()
    enrol_with_key(door)
    answer = CALLS[name](client)
    assert answer.status == 403
    assert "has a key" in answer.json["error"]
    assert booked(door) == []
    assert ("legacy", "the id belongs to a device with a key") in outcomes(door)
    assert door.device()["state"] == "migrated"


def test_nobody_can_say_yes_to_an_id_that_belongs_to_a_key(door: Door) -> None:
    door.client().register()
    enrol_with_key(door)
    with pytest.raises(FieldError, match="an id that no new client has"):
        door.admin("legacy approve", device_id=ID)


@pytest.mark.parametrize("name", CALLS)
def test_an_approved_id_used_from_another_address_gets_nothing_and_is_shown(door: Door, name: str) -> None:
    door.approved()
    impostor = door.client(source="127.0.0.66")
    answer = CALLS[name](impostor)
    assert answer.status == 403
    assert f"legacy approve {ID} --address 127.0.0.66" in answer.json["error"]
    assert booked(door) == []
    assert door.device()["other_address"] == "127.0.0.66"
    assert door.client().scan("4006381333931").status == 200  # the device itself goes on


def test_where_two_have_used_an_id_the_operator_has_to_say_which(door: Door) -> None:
    door.client().register()
    door.client(source="127.0.0.66").register()
    with pytest.raises(FieldError, match=r"127\.0\.0\.1 or 127\.0\.0\.66"):
        door.admin("legacy approve", device_id=ID)
    door.admin("legacy approve", device_id=ID, address="127.0.0.66")
    assert door.client(source="127.0.0.66").scan("1").status == 200
    assert door.client().scan("1").status == 403


def test_a_flood_of_new_ids_fills_its_own_network_alone(tmp_path: Path) -> None:
    with old_door(tmp_path) as door:
        door.admin("legacy on", networks=["127.0.0.0/24", "127.0.1.0/24"], days=1)
        answers = [
            door.client(f"pi-{number:08x}", f"127.0.0.{2 + number % 250}").register()
            for number in range(MOST_OF_NETWORK + 5)
        ]
        assert {answer.status for answer in answers} == {403}
        assert "too many" in answers[-1].json["error"]
        assert len(door.admin("legacy list")["devices"]) == MOST_OF_NETWORK
        assert f"legacy approve {ID}" in door.client(source="127.0.1.1").register().json["error"]
        assert outcomes(door).count(("legacy", "too many wait")) == 1


def test_one_address_that_is_refused_again_and_again_has_to_wait(door: Door) -> None:
    statuses = {door.client(source="127.0.0.77").scan("1").status for _ in range(125)}
    assert statuses == {403, 429}
    assert outcomes(door).count(("legacy", "waits for an operator")) == 1


def test_those_that_wait_are_forgotten_after_a_week(door: Door) -> None:
    door.client("pi-00000001").register()
    door.clock.now += timedelta(days=8)
    door.client("pi-00000002").register()
    assert [each["device_id"] for each in door.admin("legacy list")["devices"]] == ["pi-00000002"]


@pytest.mark.parametrize("name", CALLS)
def test_on_day_31_nobody_is_served_any_more(door: Door, name: str) -> None:
    client = door.approved()
    door.clock.now += timedelta(days=MOST_DAYS, seconds=-1)
    assert client.scan("1").status == 200
    door.clock.now += timedelta(seconds=1)
    answer = CALLS[name](client)
    assert answer.status == 403
    assert "legacy mode is off here" in answer.json["error"]
    assert door.device()["state"] == "shut out"
    door.admin("legacy on", networks=[NETWORK], days=30)  # only an operator makes it longer
    assert client.scan("2").status == 200


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"networks": ["0.0.0.0/0"], "days": 30}, "/16 or smaller"),
        ({"networks": ["8.8.8.0/24"], "days": 30}, "private network"),
        ({"networks": ["192.168.1.7/24"], "days": 30}, "host bits zero"),
        ({"networks": ["fd00::/16"], "days": 30}, "/48 or smaller"),
        ({"networks": ["every"], "days": 30}, "such as 192"),
        ({"networks": [NETWORK], "days": 31}, "1 to 30"),
        ({"networks": [], "days": 30}, "one network or more"),
    ],
)
def test_a_network_too_wide_too_public_or_too_long_is_refused(
    door: Door, fields: dict[str, Any], allowed: str
) -> None:
    with pytest.raises(FieldError, match=allowed):
        door.admin("legacy on", **fields)


def test_an_old_client_sees_nothing_of_the_fleet(door: Door) -> None:
    client = door.approved(source="127.0.0.9")
    for path in ("/api/pi_devices", f"/api/pi_device/{ID}", "/api/scans", "/", "/live"):
        assert client.get(path, {"Host": "fleet.local"}).status == 403, path
    assert client.get("/api/ota/download_update", update_id="legacy-0000").status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/register_device", b"\x00\xff"),
        ("/api/register_device", b"[" * 50_000),
        ("/api/register_device", {"device_id": "../../etc/passwd", "system_info": {}}),
        ("/api/register_device", {"device_id": "legacy-pi-1a2b3c4d", "system_info": {}}),
        ("/api/register_device", {"device_id": "p" * 60, "system_info": {}}),
        ("/api/register_device", {"device_id": ID, "system_info": {"a": "x" * 20_000}}),
        ("/api/v1/raspberry/barcodeScan", {"deviceId": ID, "scannedBarcode": "", "quantity": 1}),
        ("/api/v1/raspberry/barcodeScan", {"deviceId": ID, "scannedBarcode": "x" * 9000, "quantity": 1}),
        ("/api/v1/raspberry/barcodeScan", {"deviceId": ID, "scannedBarcode": "1", "quantity": -1}),
        ("/api/ota/update_status", {"device_id": ID, "version": "1", "status": "hacked"}),
        ("/api/register_device", b'{"device_id": "' + b"x" * MOST_BODY + b'"}'),
    ],
)
def test_a_message_that_will_not_do_is_refused_by_name(door: Door, path: str, body: object) -> None:
    door.approved()
    answer = door.client().post(path, body)
    assert answer.status == 400
    assert answer.json["error"]
    assert booked(door) == []


def test_a_body_that_never_comes_holds_nobody_up(door: Door) -> None:
    client = door.approved()
    with socket.create_connection(door.address, timeout=20) as silent:
        silent.sendall(b"POST /api/register_device HTTP/1.1\r\nContent-Length: 500\r\n\r\n{")
        assert client.scan("1").status == 200
        assert json.dumps(door.device())


def test_no_id_of_another_way_in_begins_like_an_old_clients(door: Door) -> None:
    body = {
        "device_id": "legacy-pi-1a2b3c4d", "device_type": "raspberry_pi", "timestamp": "2026-11-23T17:33:00Z",
        "system_info": {}, "client_version": "1.0.0",
    }  # fmt: skip
    answer = door.client().post("/api/register_device", body)
    assert answer.status == 400
    assert "does not begin with legacy-" in answer.json["error"]


def test_every_decision_is_in_the_audit_trail(door: Door) -> None:
    client = door.approved()
    client.register()
    door.admin("legacy refuse", device_id=ID)
    client.scan("1")
    door.admin("legacy off")
    assert outcomes(door) == [
        ("legacy on", "opened"), ("legacy", "waits for an operator"), ("legacy", "waits for an operator"),
        ("legacy approve", "approved"), ("legacy refuse", "refused"), ("legacy", "an operator has said no"),
        ("legacy off", "closed 1"),
    ]  # fmt: skip
