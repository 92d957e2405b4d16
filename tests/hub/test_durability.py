"""What the hub has told a device survives SIGKILL; what it could not store it does not acknowledge."""

from __future__ import annotations

import os
import resource
import signal
import time
from base64 import b64decode

import pytest

from pi_auto.wire import topics
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY, TWIN_CHANGE, Event
from support.hub import RunningHub
from support.mqtt import PahoDevice, RawDevice, packet, publish_packet, text
from support.waiting import wait_until


def everything(hub: RunningHub, newest: int) -> list[Event]:
    with hub.events() as events:
        return events.take(newest)


def newest(hub: RunningHub) -> int:
    """The number of the newest event, by asking for one beyond all."""
    return int(hub.ask(op="events", after=2**62)["error"].rpartition(" ")[2])


def test_an_acknowledged_event_is_there_after_kill_9_in_every_round(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    acknowledged = []
    for number in range(6):
        device = PahoDevice(hub.mqtt_address, known)
        with device:
            for part in range(10):
                device.send(b"filling")
                device.send_and_wait(f"{number}.{part}".encode())
                acknowledged.append(f"{number}.{part}".encode())
            hub.kill()
        hub.start()
    found = everything(hub, newest(hub))
    assert [event.sequence_number for event in found] == list(range(1, len(found) + 1))
    bodies = [b64decode(event.body) for event in found if event.type == TELEMETRY]
    assert [body for body in bodies if body != b"filling"] == acknowledged


def test_each_pubacked_message_of_a_burst_is_there_after_kill_9(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    for _ in range(3):
        with RawDevice(hub.mqtt_address) as raw:
            raw.connect(known)
            sent = [
                publish_packet("devices/pi-1/messages/events/", b"%d" % number, number=number)
                for number in range(1, 2001)
            ]
            raw.send(b"".join(sent))
            received = raw.receive(4 * 300)
            hub.kill()
            received += raw.receive(4 * 2000)
        before = len(received) // 4
        hub.start()
        found = everything(hub, newest(hub))
        start = max(index for index, event in enumerate(found) if event.type == CONNECTED)
        bodies = [int(b64decode(event.body)) for event in found[start:] if event.type == TELEMETRY]
        assert bodies == list(range(1, len(bodies) + 1))
        assert len(bodies) >= before >= 300


def test_a_reported_twin_survives_kill_9_with_its_event(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    for number in range(4):
        with PahoDevice(hub.mqtt_address, known) as device:
            device.subscribe(topics.TWIN_RESPONSES)
            assert device.report({"n": number, f"key-{number}": number})[0] == 204
            hub.kill()
        hub.start()
    with PahoDevice(hub.mqtt_address, known) as device:
        device.subscribe(topics.TWIN_RESPONSES)
        expected = {f"key-{number}": number for number in range(4)}
        assert device.twin()["reported"] == {"n": 3, "$version": 5} | expected
    changes = [event for event in everything(hub, newest(hub)) if event.type == TWIN_CHANGE]
    assert [change.body["version"] for change in changes] == [2, 3, 4, 5]


def test_the_version_of_a_twin_goes_on_rising_after_kill_9(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    versions = []
    for number in range(3):
        with PahoDevice(hub.mqtt_address, known) as device:
            device.subscribe(topics.TWIN_RESPONSES)
            assert device.report({"number": number})[0] == 204
            versions.append(device.twin()["reported"]["$version"])
            hub.kill()
        hub.start()
    assert versions == [2, 3, 4]


def test_a_device_keeps_its_key_over_kill_9(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    hub.kill()
    hub.start()
    assert hub.put_device("pi-1") == known


def test_who_was_connected_when_the_hub_was_killed_is_declared_gone_at_its_start(hub: RunningHub) -> None:
    with (
        PahoDevice(hub.mqtt_address, hub.put_device("pi-1")),
        PahoDevice(hub.mqtt_address, hub.put_device("pi-2")) as second,
    ):
        second.send_and_wait(b"so that both are in the log")
        hub.kill()
    hub.start()
    with hub.events() as events:
        found = events.take(5)
    assert [(event.type, event.device_id) for event in found[3:]] == [
        (DISCONNECTED, "pi-1"),
        (DISCONNECTED, "pi-2"),
    ]


def test_a_full_disk_holds_the_puback_back_until_there_is_room(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    with PahoDevice(hub.mqtt_address, known) as device:
        device.send_and_wait(b"before")
        (segment,) = (hub.data / "events").glob("*.events")
        limits = resource.prlimit(hub.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, (segment.stat().st_size + 10, limits[1]))
        number = device.send(b"during")
        wait_until(lambda: "no room for events" in hub.log(), what="the hub notices")
        assert number not in device.acknowledged
        resource.prlimit(hub.pid, resource.RLIMIT_FSIZE, limits)
        wait_until(lambda: number in device.acknowledged, what="the PUBACK")
    assert "there is room for events again" in hub.log()
    with hub.events() as events:
        found = events.until(lambda event: event.type == DISCONNECTED)
    assert [b64decode(event.body) for event in found if event.type == TELEMETRY] == [b"before", b"during"]


def test_a_new_start_writes_no_file_anew_that_a_full_disk_has_no_room_for(hub: RunningHub) -> None:
    """Only what its server books makes room again, and the server books from a hub that runs."""
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(b"not booked yet")
    hub.kill()
    known = {path: path.stat().st_ino for path in hub.data.rglob("*") if path.is_file()}
    hub.start()
    found = {path: path.stat().st_ino for path in hub.data.rglob("*") if path.is_file()}
    assert found == known


def test_a_hub_whose_log_is_deleted_acknowledges_nothing_more_and_ends(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(b"safe")
        for segment in (hub.data / "events").glob("*.events"):
            segment.unlink()
        lost = device.send(b"would be lost")
        assert hub.wait() == 1
        assert lost not in device.acknowledged
    assert "was deleted while the hub ran" in hub.log()


def test_a_clean_stop_acknowledges_what_came_and_ends_with_0(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(known)
        raw.send(publish_packet("devices/pi-1/messages/events/", b"last", number=9))
        assert raw.receive(4) == b"\x40\x02\x00\x09"
        assert hub.stop() == 0
        assert raw.is_closed()
    hub.start()
    with hub.events() as events:
        assert [event.type for event in events.take(3)] == [CONNECTED, TELEMETRY, DISCONNECTED]


def test_it_stops_within_five_seconds_whoever_does_not_read(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw, hub.events():
        raw.connect(hub.put_device("pi-1"))
        raw.send(packet(0x82, b"\x00\x01" + text(topics.TWIN_RESPONSES) + b"\x00"))
        raw.socket.settimeout(1)
        raw.send(publish_packet("devices/pi-1/messages/events/", b"x" * 200_000, qos=0) * 20)
        raw.send(publish_packet(topics.twin_patch_reported("1"), b'{"a":"%s"}' % (b"x" * 4000), qos=0))
        raw.send(publish_packet(topics.twin_get("1"), b"", qos=0) * 100_000)
        began = time.monotonic()
        assert hub.stop() == 0
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_on_a_signal_and_leaves_no_socket(hub: RunningHub, number: signal.Signals) -> None:
    os.kill(hub.pid, number)
    assert hub.stop() == 0
    assert not hub.socket.exists()
    assert hub.log() == ""
