"""What an old client is given once an operator has said yes: its contract's answers, and one identity, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pi_auto.client.agent.tls import context_for
from pi_auto.server.console.scan_views import scan_view
from pi_auto.server.context import now_utc
from pi_auto.server.fleet.tables import devices
from pi_auto.server.legacy.hub import align, issue
from pi_auto.server.links.follower import Follower
from pi_auto.server.links.local import LocalLink
from pi_auto.server.links.tables import cursors
from pi_auto.server.scans.queries import ScanFilter, find_scans
from pi_auto.server.scans.rows import scan_json
from pi_auto.server.scans.tables import conflicts
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.fleet_card import server_name
from support.azure import link_to
from support.hub import running_hub
from support.mqtt import PahoDevice
from support.old_client import Door, old_door
from support.service import Service
from support.waiting import wait_until

ID = "pi-1a2b3c4d"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Legacy mode is on, and the hub is a real one."""
    with old_door(tmp_path, hub=True) as opened:
        assert isinstance(opened.context.link, LocalLink)
        opened.context.link.wait_bound(20)
        opened.admin("legacy on", networks=["127.0.0.0/24"], days=30)
        yield opened


def string_of(door: Door) -> str | None:
    answer = door.client().register()
    assert answer.status == 200
    string: str | None = answer.json["connection_string"]
    return string


def test_the_registration_has_exactly_the_contracts_fields(door: Door) -> None:
    client = door.approved()
    answer = client.register()
    assert answer.status == 200
    assert set(answer.json) == {
        "status", "message", "device_id", "registration_date", "connection_string", "server_info",
    }  # fmt: skip
    assert answer.json["status"] == "success"
    assert answer.json["device_id"] == ID
    host, port = door.address
    assert answer.json["server_info"] == {
        "server_url": f"http://{host}:{port}", "api_version": "1.0", "update_interval": 3600,
        "heartbeat_interval": 30,
    }  # fmt: skip


def test_the_connection_string_is_given_once_and_names_an_identity_of_its_own(door: Door) -> None:
    door.approved()
    first = ConnectionString.parse(string_of(door) or "")
    assert first.device_id == f"legacy-{ID}"
    assert string_of(door) is None
    assert string_of(door) is None
    assert door.device()["connection_string"] == "given"


def test_an_operator_may_have_it_given_once_more_with_new_keys(door: Door) -> None:
    door.approved()
    first = string_of(door)
    door.admin("legacy approve", device_id=ID, reissue=True)
    second = string_of(door)
    assert second not in {None, first}
    assert string_of(door) is None
    assert not may_connect(door, first)
    assert may_connect(door, second)


def device_of(door: Door, string: str | None) -> PahoDevice:
    assert isinstance(door.context.link, LocalLink)
    bound = door.context.link.wait_bound(20)
    device = PahoDevice((bound.host, bound.port), ConnectionString.parse(string or ""))
    assert door.context.fleet
    name = server_name(door.context.fleet.fleet_id)
    device.client.tls_set_context(context_for(name, door.context.fleet.authority.pem))
    return device


def may_connect(door: Door, string: str | None) -> bool:
    device = device_of(door, string)
    device.start()
    wait_until(lambda: device.client.is_connected() or device.refused is not None, 15, "a CONNACK")
    device.close()
    return device.refused is None


def test_the_identity_ends_with_the_time_and_with_the_operators_word(door: Door) -> None:
    door.approved()
    string = string_of(door)
    assert may_connect(door, string)
    door.clock.now += timedelta(days=31)
    align(door.context)  # what the server does twice a minute
    assert not may_connect(door, string)
    door.admin("legacy on", networks=["127.0.0.0/24"], days=1)
    assert may_connect(door, string)
    door.admin("legacy off")
    assert not may_connect(door, string)


def test_an_identity_that_the_hub_refuses_to_switch_off_is_switched_off_later(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Azure says 401 where the policy's key was changed, or this server's clock is wrong: nothing was done."""
    with (
        running_hub(tmp_path_factory.mktemp("hub"), "--name", "localhost", "--https-port", "0") as hub,
        link_to(hub) as owner,
    ):
        with link_to(hub, "device") as without_rights, old_door(tmp_path) as door:
            door.admin("legacy on", networks=["127.0.0.0/24"], days=30)
            door.approved()
            assert issue(replace(door.context, link=owner), ID, "127.0.0.1")
            door.admin("legacy off")
            for link in (without_rights, owner):
                align(replace(door.context, link=link))
        assert Service(hub).ask("GET", f"/devices/legacy-{ID}").body["status"] == "disabled"


def test_a_scan_that_came_both_ways_is_one_with_a_badge(door: Door) -> None:
    door.clock.now = now_utc()  # the hub's clock is the machine's
    door.admin("legacy on", networks=["127.0.0.0/24"], days=1)
    client = door.approved()
    string = string_of(door)
    answer = client.scan("4006381333931")
    assert (answer.status, answer.json["status"]) == (200, "success")
    client.scan("4006381333931")  # the same code, read a second time: two scans
    body = b'{"deviceId":"pi-1a2b3c4d","barcode":"4006381333931","quantity":1,"messageType":"barcode_scan"}'
    with device_of(door, string) as device:
        device.send_and_wait(body)
        device.send_and_wait(body)
        device.send_and_wait(body.replace(b"4006381333931", b"only the hub has it"))
    rows = wait_until(lambda: arrived(door), 20, "three scans, all of which the hub has brought")
    assert [(row["text"], row["legacy"], bool(row["api_at"])) for row in rows] == [
        ("4006381333931", True, True), ("4006381333931", True, True), ("only the hub has it", True, False),
    ]  # fmt: skip
    with door.context.store.engine.connect() as connection:
        views = [scan_view(row) for row in find_scans(connection, ScanFilter())]
        names = connection.execute(select(devices.c.device_id, devices.c.legacy)).all()
    assert all("legacy" in {badge.word for badge in view.badges} for view in views)
    assert names == [(f"legacy-{ID}", True)]


def test_what_the_hub_brings_a_second_time_is_no_scan_of_its_own(door: Door, tmp_path: Path) -> None:
    """All of the hub's log is read again, as where books or their cursor were lost: its events have no uuid."""
    door.clock.now = now_utc()
    door.admin("legacy on", networks=["127.0.0.0/24"], days=1)
    client = door.approved()
    with device_of(door, string_of(door)) as device:
        for code in ("A", "B"):
            client.scan(code)
            device.send_and_wait(json.dumps({"barcode": code}).encode())
        device.send_and_wait(b'{"barcode":"only the hub has it"}')
    before = wait_until(lambda: arrived(door), 20, "three scans, all of which the hub has brought")
    client.scan("A")  # which the hub has not brought, and is not to get from the first one
    store, writer = door.context.store, door.context.writer
    again = Follower(tmp_path / "data" / "hub" / "hub.sock", "local:again", store, writer)
    wait_until(lambda: len(set(cursors_of(door))) == 1 < len(cursors_of(door)), 20, "all of it is read again")
    again.close()
    assert scans_of(door)[:3] == before
    assert [(row["text"], row["hub_at"]) for row in scans_of(door)[3:]] == [("A", None)]
    assert door.device()["scans"] == 4
    with store.engine.connect() as books:
        assert books.execute(select(conflicts)).all() == []


def cursors_of(door: Door) -> list[int]:
    """How far the hub's log is booked, by each reader."""
    with door.context.store.engine.connect() as books:
        query = select(cursors.c.through).where(cursors.c.source.startswith("local:"))
        return list(books.execute(query).scalars())


def test_a_message_that_an_sdk_repeats_for_want_of_an_answer_is_one_scan(door: Door) -> None:
    door.clock.now = now_utc()
    door.admin("legacy on", networks=["127.0.0.0/24"], days=1)
    client = door.approved()
    first, second = (
        b'{"barcode":"A","timestamp":"2026-11-23T17:33:00.%06d"}' % microsecond for microsecond in (1, 2)
    )
    with device_of(door, string_of(door)) as device:
        client.scan("A")
        for body in (first, first, second, second, b'{"barcode":"the last"}'):
            device.send_and_wait(body)
    rows = wait_until(lambda: arrived(door), 20, "three scans, all of which the hub has brought")
    assert [(row["text"], bool(row["api_at"])) for row in rows] == [("A", True), ("A", False), ("the last", False)]


def arrived(door: Door) -> list[dict[str, object]]:
    rows = scans_of(door)
    return rows if len(rows) == 3 and all(row["hub_at"] for row in rows) else []


def scans_of(door: Door) -> list[dict[str, object]]:
    with door.context.store.engine.connect() as connection:
        return [scan_json(row) for row in find_scans(connection, ScanFilter(oldest_first=True))]
