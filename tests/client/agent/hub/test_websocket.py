"""MQTT within a WebSocket to a real hub, with the same TLS as over TCP."""

from __future__ import annotations

import json
import os
import signal
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.client.agent.errors import HubLost, HubRejected, HubUnreached
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.way import HubWay, ways_into
from pi_auto.wire import topics
from pi_auto.wire.hublink import TELEMETRY
from pi_auto.wire.registration import RegistrationAnswer
from support.certificates import Authority
from support.hub import RunningHub
from support.waiting import wait_until

from .conftest import DEVICE, HubOf, given_by

BOTH = list(Carrier)


def way_by(carrier: Carrier, given: RegistrationAnswer, ca: Path | None) -> HubWay:
    (found,) = (way for way in ways_into(given, DEVICE, ca) if way.carrier is carrier)
    return found


def turn_until(connection: HubConnection, done: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it has not come about"
        connection.turn(0.1)


@pytest.mark.parametrize("carrier", BOTH)
def test_messages_of_every_size_arrive_and_are_acknowledged(
    hub: RunningHub, authority: Authority, carrier: Carrier
) -> None:
    bodies = [b"x" * size for size in (1, 125, 126, 4_000, 65_535, 65_536, 200_000)]
    connection = HubConnection(way_by(carrier, given_by(hub), authority.ca))
    numbers = [connection.publish(topics.telemetry(DEVICE, {"size": str(len(body))}), body) for body in bodies]
    turn_until(connection, lambda: set(numbers) <= set(connection.acknowledged))
    connection.close()
    with hub.events() as events:
        found = [event for event in events.take(len(bodies) + 1) if event.type == TELEMETRY]
    assert [event.properties["size"] for event in found] == [str(len(body)) for body in bodies]


@pytest.mark.parametrize("carrier", BOTH)
def test_a_hub_that_does_not_read_for_a_while_gets_everything_afterwards(
    hub: RunningHub, authority: Authority, carrier: Carrier
) -> None:
    connection = HubConnection(way_by(carrier, given_by(hub), authority.ca))
    os.kill(hub.pid, signal.SIGSTOP)
    numbers = [
        connection.publish(topics.telemetry(DEVICE, {"n": str(n)}), bytes([n]) * 200_000) for n in range(24)
    ]
    for _ in range(20):
        connection.turn(0.01)
    os.kill(hub.pid, signal.SIGCONT)
    turn_until(connection, lambda: set(numbers) <= set(connection.acknowledged))
    connection.close()
    with hub.events() as events:
        found = [event for event in events.take(len(numbers) + 1) if event.type == TELEMETRY]
    assert [b64decode(event.body) for event in found] == [bytes([n]) * 200_000 for n in range(24)]


@pytest.mark.parametrize("carrier", BOTH)
def test_the_twin_is_asked_for_and_comes_whole(hub: RunningHub, authority: Authority, carrier: Carrier) -> None:
    given = given_by(hub)
    many = {f"name{number}": "v" * 500 for number in range(40)}
    hub.ask(op="patch_desired", device_id=DEVICE, patch=many)
    connection = HubConnection(way_by(carrier, given, authority.ca))
    connection.ask_for_twin("r1")
    turn_until(connection, lambda: connection.answers)
    status, request_id, body = connection.answers.popleft()
    connection.close()
    assert (status, request_id) == (200, "r1")
    assert many.items() <= json.loads(body)["desired"].items()


@pytest.mark.parametrize("carrier", BOTH)
def test_a_hub_that_dies_is_noticed(hub: RunningHub, authority: Authority, carrier: Carrier) -> None:
    connection = HubConnection(way_by(carrier, given_by(hub), authority.ca))
    hub.kill()
    with pytest.raises(HubLost, match="gone"):
        turn_until(connection, lambda: False)
    connection.close()


@pytest.mark.parametrize("carrier", BOTH)
def test_a_good_bye_is_said(hub: RunningHub, authority: Authority, carrier: Carrier) -> None:
    for _ in range(2):
        HubConnection(way_by(carrier, given_by(hub), authority.ca)).close()
    wait_until(lambda: hub.log().count("WARNING") == 0, what="no complaint of the hub")


@pytest.mark.parametrize("carrier", BOTH)
def test_a_key_that_is_not_good_is_a_rejection(hub: RunningHub, authority: Authority, carrier: Carrier) -> None:
    given = given_by(hub)
    hub.ask(op="delete_device", device_id=DEVICE)
    with pytest.raises(HubRejected):
        HubConnection(way_by(carrier, given, authority.ca))


@pytest.mark.parametrize("carrier", BOTH)
@pytest.mark.parametrize("name", ["other.test", "127.0.0.1"])
def test_the_right_authority_with_another_name_gets_nothing(
    hub_of: HubOf, authority: Authority, carrier: Carrier, name: str
) -> None:
    with hub_of(authority.certificate(name)) as impostor:
        with pytest.raises(HubUnreached, match="certificate"):
            HubConnection(way_by(carrier, given_by(impostor), authority.ca))
        assert DEVICE not in impostor.log()


@pytest.mark.parametrize("carrier", BOTH)
def test_the_right_name_of_a_foreign_authority_gets_nothing(
    hub_of: HubOf, authority: Authority, carrier: Carrier, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    certificate = Authority(tmp_path / "foreign").certificate("hub.test")
    with hub_of(certificate) as impostor, pytest.raises(HubUnreached, match="certificate"):
        HubConnection(way_by(carrier, given_by(impostor), authority.ca))


def test_what_answers_https_and_is_no_hub_is_another_way(hub: RunningHub, authority: Authority) -> None:
    """The REST side's own paths, as a site's web server would answer."""
    way = way_by(Carrier.WEBSOCKET, given_by(hub), authority.ca)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topics, "WEBSOCKET_PATH", "/elsewhere")
        with pytest.raises(HubUnreached, match="WebSocket"):
            HubConnection(way)
