"""The server's room of questions, asked of a real hub: identities, tags, desired properties, methods."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.server.links.base import DeviceOffline, HubRefused, HubUnavailable
from pi_auto.server.links.control import ControlRoom
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from support.hub import RunningHub
from support.mqtt import PahoDevice, RawDevice, connect_packet

ACCEPTED, REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    running = RunningHub(tmp_path_factory.mktemp("hub")).start()
    yield running
    running.stop()


@pytest.fixture
def room(hub: RunningHub) -> ControlRoom:
    return ControlRoom(hub.socket)


def test_a_disabled_device_is_cut_off_and_let_in_again_once_enabled(hub: RunningHub, room: ControlRoom) -> None:
    device = room.keys("put_device", "pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(device)
        room.set_enabled("pi-1", enabled=False)
        assert raw.is_closed()
    assert _answer(hub, device) == REFUSED
    room.set_enabled("pi-1", enabled=True)
    assert _answer(hub, device) == ACCEPTED


def test_rotated_keys_leave_the_device_its_last_one(hub: RunningHub, room: ControlRoom) -> None:
    first = room.keys("put_device", "pi-2")
    second = room.keys("rotate_keys", "pi-2")
    third = room.keys("rotate_keys", "pi-2")
    assert len({first.key, second.key, third.key}) == 3
    assert [_answer(hub, device) for device in (first, second, third)] == [REFUSED, ACCEPTED, ACCEPTED]


def test_a_deleted_device_is_cut_off_and_may_be_deleted_twice(hub: RunningHub, room: ControlRoom) -> None:
    device = room.keys("put_device", "pi-3")
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(device)
        room.delete_device("pi-3")
        assert raw.is_closed()
    room.delete_device("pi-3")
    assert room.keys("put_device", "pi-3").key != device.key


def test_desired_properties_reach_the_twin_and_tags_stay_out_of_it(hub: RunningHub, room: ControlRoom) -> None:
    device = room.keys("put_device", "pi-4")
    room.patch_tags("pi-4", {"site": "Lyon"})
    room.patch_desired("pi-4", {"log_level": "DEBUG"})
    with PahoDevice(hub.mqtt_address, device) as connected:
        connected.subscribe(topics.TWIN_RESPONSES)
        assert connected.twin() == {"desired": {"log_level": "DEBUG", "$version": 2}, "reported": {"$version": 1}}


def test_a_method_is_answered_by_the_device(hub: RunningHub, room: ControlRoom) -> None:
    with PahoDevice(hub.mqtt_address, room.keys("put_device", "pi-5")) as device:
        device.subscribe(topics.METHODS)
        answering = threading.Thread(target=_answer_one, args=(device,))
        answering.start()
        answer = room.call_method("pi-5", "identify", {"seconds": 3}, timeout=10)
        answering.join()
    assert (answer.status, answer.payload) == (200, {"asked": {"seconds": 3}})


@pytest.mark.parametrize(("subscribed", "sentence"), [(False, "not connected"), (True, "has not answered")])
def test_a_method_of_a_device_that_cannot_answer_says_so(
    hub: RunningHub, room: ControlRoom, subscribed: bool, sentence: str
) -> None:
    with PahoDevice(hub.mqtt_address, room.keys("put_device", "pi-6")) as device:
        if subscribed:
            device.subscribe(topics.METHODS)
        with pytest.raises(DeviceOffline, match=sentence):
            room.call_method("pi-6", "identify", {}, timeout=1)


def test_what_the_hub_refuses_is_told_in_its_words(room: ControlRoom) -> None:
    for ask in (
        lambda: room.set_enabled("pi-9", enabled=False),
        lambda: room.keys("rotate_keys", "pi-9"),
        lambda: room.patch_tags("pi-9", {}),
        lambda: room.call_method("pi-9", "identify", {}, timeout=1),
    ):
        with pytest.raises(HubRefused, match="device_id is 'pi-9'; allowed: a device that this hub knows"):
            ask()


def test_a_hub_that_is_away_is_a_passing_thing(tmp_path: Path) -> None:
    with pytest.raises(HubUnavailable, match=r"hub\.sock"):
        ControlRoom(tmp_path / "hub.sock").set_enabled("pi-1", enabled=True)


def _answer(hub: RunningHub, device: ConnectionString) -> bytes:
    with RawDevice(hub.mqtt_address) as raw:
        raw.send(connect_packet(device))
        return raw.receive(4)


def _answer_one(device: PahoDevice) -> None:
    topic, body = device.answers.get(timeout=10)
    request_id = topic.rpartition("$rid=")[2]
    answer = json.dumps({"asked": json.loads(body)}).encode()
    device.client.publish(f"$iothub/methods/res/200/?$rid={request_id}", answer, qos=1)
