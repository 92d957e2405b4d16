"""Connections that end, are silent, are too many or misbehave; and that nobody else notices."""

from __future__ import annotations

import random
import time
from base64 import b64decode
from pathlib import Path

import pytest

from pi_auto.wire import topics
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY
from support.hub import RunningHub, running_hub
from support.mqtt import PahoDevice, RawDevice, connect_packet, packet, publish_packet, text
from support.waiting import wait_until

EVENTS = "devices/pi-1/messages/events/"
PING, PONG = b"\xc0\x00", b"\xd0\x00"


def test_a_second_connection_of_one_id_drops_the_first(hub: RunningHub) -> None:
    known = hub.put_device("pi-1")
    with PahoDevice(hub.mqtt_address, known) as first, PahoDevice(hub.mqtt_address, known) as second:
        wait_until(lambda: first.gone, what="the first is dropped")
        second.send_and_wait(b"mine")
        assert not second.gone
        with hub.events() as events:
            order = [event.type for event in events.take(4)]
    assert order == [CONNECTED, DISCONNECTED, CONNECTED, TELEMETRY]


def test_a_silent_device_is_dropped_after_one_and_a_half_keepalives(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"), keepalive=1)
        began = time.monotonic()
        assert raw.is_closed(timeout=8)
        assert time.monotonic() - began >= 1.4


def test_a_device_that_pings_stays(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"), keepalive=1)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            raw.send(PING)
            assert raw.receive(2) == PONG
            assert not raw.is_closed(timeout=0.3)


@pytest.mark.parametrize("data", [b"", b"\x10", b"\x10\x50\x00\x04MQTT"])
def test_a_stranger_that_dawdles_is_closed(tmp_path: Path, data: bytes) -> None:
    with running_hub(tmp_path, "--connect-timeout", "1") as hub, RawDevice(hub.mqtt_address) as raw:
        for octet in data:
            raw.send(bytes((octet,)))
        assert raw.is_closed(timeout=6)
        assert "127.0.0.1: no CONNECT within 1 s" in hub.log()


def test_a_stranger_that_sends_a_byte_now_and_then_is_closed_all_the_same(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--connect-timeout", "1") as hub, RawDevice(hub.mqtt_address) as raw:
        connect = connect_packet(hub.put_device("pi-1"))
        closed = False
        for octet in connect:
            raw.send(bytes((octet,)))
            closed = raw.is_closed(timeout=0.1)
            if closed:
                break
        assert closed


def test_a_stranger_may_not_send_a_large_packet(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.send(b"\x10\x80\x80\x01")
        assert raw.is_closed()
    assert (
        "127.0.0.1: closed before it proved who it is: a packet of 16384 bytes; at most 8192 are taken here"
        in hub.log()
    )


@pytest.mark.parametrize(
    "data", [PING, publish_packet(EVENTS, b"x"), packet(0xE0, b""), b"GET / HTTP/1.1\r\n\r\n"]
)
def test_a_stranger_that_begins_without_a_connect_is_closed(shared_hub: RunningHub, data: bytes) -> None:
    with RawDevice(shared_hub.mqtt_address) as raw:
        raw.send(data)
        assert raw.is_closed()


def test_more_connections_than_allowed_are_turned_away_and_the_others_stay(tmp_path: Path) -> None:
    with running_hub(tmp_path, "--max-connections", "1") as hub, RawDevice(hub.mqtt_address) as first:
        first.connect(hub.put_device("pi-1"))
        with RawDevice(hub.mqtt_address) as second:
            assert second.is_closed()
        first.send(PING)
        assert first.receive(2) == PONG


def test_a_will_is_published_when_the_connection_breaks(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"), will=(EVENTS + "why=cut", b"gone"))
    with hub.events() as events:
        _, will, last = events.take(3)
    assert (b64decode(will.body), last.type) == (b"gone", DISCONNECTED)
    assert will.properties == {"why": "cut", "iothub-MessageType": "Will"}


def test_a_will_is_not_published_after_a_good_bye(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"), will=(EVENTS, b"gone"))
        raw.send(packet(0xE0, b""))
        assert raw.is_closed()
    with hub.events() as events:
        assert [event.type for event in events.take(2)] == [CONNECTED, DISCONNECTED]


def test_a_will_for_another_device_is_refused(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        assert raw.connect(hub.put_device("pi-1"), will=("devices/pi-2/messages/events/", b"x")) == b""


def test_an_unsubscribed_device_gets_no_answers(hub: RunningHub) -> None:
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        raw.send(packet(0x82, b"\x00\x01" + text(topics.TWIN_RESPONSES) + b"\x00"))
        assert raw.receive(5) == b"\x90\x03\x00\x01\x00"
        raw.send(packet(0xA2, b"\x00\x02" + text(topics.TWIN_RESPONSES)))
        assert raw.receive(4) == b"\xb0\x02\x00\x02"
        raw.send(publish_packet(topics.twin_get("1"), b"", number=3))
        assert raw.receive(4) == b"\x40\x02\x00\x03"


def test_floods_of_garbage_do_not_disturb_another_device(hub: RunningHub) -> None:
    noise = random.Random(1)
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-good")) as good:
        for number in range(40):
            with RawDevice(hub.mqtt_address) as raw:
                raw.send(noise.randbytes(50_000))
                good.send_and_wait(str(number).encode())
        assert not good.gone
    with hub.events() as events:
        found = events.until(lambda event: event.type == DISCONNECTED)
    bodies = [b64decode(event.body) for event in found if event.type == TELEMETRY]
    assert bodies == [str(number).encode() for number in range(40)]
    assert hub.log().count("\n") == 1


def test_a_device_that_floods_and_reads_nothing_stops_only_itself(hub: RunningHub) -> None:
    """Each request is answered with up to 64 KB, so nothing but the hub's own bounds holds the memory."""
    subscribe = packet(0x82, b"\x00\x01" + text(topics.TWIN_RESPONSES) + b"\x00")
    with (
        RawDevice(hub.mqtt_address) as flood,
        PahoDevice(hub.mqtt_address, hub.put_device("pi-good")) as good,
    ):
        flood.connect(hub.put_device("pi-1"))
        flood.send(subscribe)
        flood.send(publish_packet(topics.twin_patch_reported("0"), b'{"a":"%s"}' % (b"x" * 4000), qos=0))
        flood.socket.settimeout(1)
        before = memory(hub.pid)
        flood.send(publish_packet(topics.twin_get("1"), b"", qos=0) * 200_000)
        good.send_and_wait(b"still here")
        assert memory(hub.pid) - before < 30_000_000


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
