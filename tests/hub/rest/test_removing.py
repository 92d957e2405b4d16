"""A device that is removed leaves nothing to one that is created anew under its id, whoever removes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from support.hub import RunningHub, running_hub
from support.mqtt import RawDevice, subscribe_packet
from support.service import Service, output_of

LETTERS = topics.devicebound("pi-1")
MAIL = "/devices/pi-1/messages/devicebound"
NEW, TAKEN_UP = b"\x20\x02\x00\x00", b"\x20\x02\x01\x00"
PING, PONG = b"\xc0\x00", b"\xd0\x00"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path, "--https-port", "0") as running:
        yield running


def by_rest(hub: RunningHub) -> None:
    assert Service(hub).ask("DELETE", "/devices/pi-1", headers={"If-Match": "*"}).status == 204


def one_of_many_by_rest(hub: RunningHub) -> None:
    assert Service(hub).ask("POST", "/devices", [{"id": "pi-1", "importMode": "delete"}]).status == 200


def by_the_server(hub: RunningHub) -> None:
    assert hub.ask(op="delete_device", device_id="pi-1") == {"ok": True}


def by_command_while_it_runs(hub: RunningHub) -> None:
    output_of("device", "delete", "--data", str(hub.data), "pi-1")


def by_command_while_none_runs(hub: RunningHub) -> None:
    hub.stop()
    output_of("device", "delete", "--data", str(hub.data), "pi-1")
    hub.start()


WAYS = [by_rest, one_of_many_by_rest, by_the_server, by_command_while_it_runs, by_command_while_none_runs]


@pytest.mark.parametrize("remove", WAYS)
def test_a_device_created_anew_gets_nothing_of_its_predecessor(
    hub: RunningHub, remove: Callable[[RunningHub], None]
) -> None:
    leave_everything(hub)
    remove(hub)
    successor = hub.put_device("pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(successor, clean=False) == NEW
        assert Service(hub).ask("POST", MAIL, b"for whom?").status == 204
        raw.send(PING)
        assert raw.receive(2) == PONG  # nothing comes: it has not subscribed
        raw.send(subscribe_packet(LETTERS))
        raw.receive(5)
        assert raw.message()[3] == b"for whom?"
    assert "tags" not in Service(hub).ask("GET", "/twins/pi-1").body["tags"]


def leave_everything(hub: RunningHub) -> ConnectionString:
    """A device with a kept session, a message that waits, tags; it is away."""
    known = hub.put_device("pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known, clean=False) == NEW
        raw.send(subscribe_packet(LETTERS))
        raw.receive(5)
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known, clean=False) == TAKEN_UP
    assert Service(hub).ask("POST", MAIL, b"predecessor's").status == 204
    assert hub.ask(op="patch_tags", device_id="pi-1", patch={"tags": 1})["ok"]
    return known


def test_a_connected_device_that_is_removed_is_sent_away_and_cannot_come_back(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known, clean=False) == NEW
        by_rest(hub)
        assert raw.is_closed()
    hub.put_device("pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(known) == b"\x20\x02\x00\x05"  # the new device's key is another
