from __future__ import annotations

from base64 import b64decode

import pytest

from pi_auto.wire import topics
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, TELEMETRY, Event
from support.hub import RunningHub
from support.mqtt import PahoDevice, RawDevice, packet, publish_packet, text

EVENTS = "devices/pi-1/messages/events/"


def last_telemetry(hub: RunningHub) -> Event:
    with hub.events() as events:
        return events.until(lambda event: event.type == TELEMETRY)[-1]


def test_telemetry_becomes_an_event_with_its_properties(hub: RunningHub) -> None:
    body = bytes(range(256))
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send_and_wait(
            body,
            {
                "$.mid": "id 1",
                "$.cid": "c",
                "$.ct": "application/json",
                "$.ce": "utf-8",
                "$.uid": "u",
                "colour": "ä&=/ %",
                "empty": "",
            },
        )
    event = last_telemetry(hub)
    assert event.device_id == "pi-1"
    assert b64decode(event.body) == body
    assert event.properties == {"colour": "ä&=/ %", "empty": ""}
    assert event.system_properties == {
        "message-id": "id 1",
        "correlation-id": "c",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "user-id": "u",
    }


def test_telemetry_of_qos_0_becomes_an_event_too(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.send(b"unacknowledged", qos=0)
        assert b64decode(last_telemetry(hub).body) == b"unacknowledged"


def test_retain_becomes_a_property(hub: RunningHub) -> None:
    with PahoDevice(hub.mqtt_address, hub.put_device("pi-1")) as device:
        device.client.publish(EVENTS, b"x", qos=1, retain=True)
        assert last_telemetry(hub).properties == {"mqtt-retain": "true"}


def test_pubacks_come_in_the_order_of_the_messages_also_around_twin_requests(hub: RunningHub) -> None:
    sent = [publish_packet(EVENTS, b"x" * 100, number=number) for number in range(1, 60)]
    sent[9::10] = [publish_packet(topics.twin_get("r"), b"", number=number) for number in range(10, 60, 10)]
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        raw.send(b"".join(sent))
        assert raw.receive(4 * 59) == b"".join(packet(0x40, number.to_bytes(2, "big")) for number in range(1, 60))


def test_a_message_of_256_kilobytes_is_taken_and_a_larger_one_closes(hub: RunningHub) -> None:
    most = 256 * 1024
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        raw.send(publish_packet(EVENTS, b"x" * most))
        assert raw.receive(4) == b"\x40\x02\x00\x01"
        raw.send(publish_packet(EVENTS, b"x" * (most + 1)))
        assert raw.is_closed()
    assert len(b64decode(last_telemetry(hub).body)) == most
    assert f"pi-1: closed for a message of {most + 1} bytes" in hub.log()


FORBIDDEN = {
    "another device's telemetry": publish_packet("devices/pi-2/messages/events/", b"x"),
    "a device whose id begins alike": publish_packet("devices/pi-11/messages/events/", b"x"),
    "a topic of no meaning": publish_packet("hello", b"x"),
    "a topic of the hub's own": publish_packet("$iothub/twin/res/200/?$rid=1", b"x"),
    "desired properties": publish_packet("$iothub/twin/PATCH/properties/desired/?$rid=1", b"{}"),
    "a twin request without an id": publish_packet("$iothub/twin/GET/", b""),
    "cloud-to-device": publish_packet("devices/pi-1/messages/devicebound/", b"x"),
    "QoS 2": publish_packet(EVENTS, b"x", qos=2),
    "a hundred and one properties": publish_packet(EVENTS + "&".join(["a=b"] * 101), b"x"),
    "a packet above every limit": b"\x32\xff\xff\xff\x7f",
    "a second CONNECT": packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text("pi-1")),
    "garbage": b"\xff\xff\xff",
}


@pytest.mark.parametrize("data", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_a_device_may_not_send_closes_its_connection_and_becomes_no_event(
    hub: RunningHub, data: bytes
) -> None:
    hub.put_device("pi-2")
    with RawDevice(hub.mqtt_address) as raw:
        raw.connect(hub.put_device("pi-1"))
        raw.send(data)
        assert raw.is_closed()
    with hub.events() as events:
        assert [event.type for event in events.take(2)] == [CONNECTED, DISCONNECTED]
    assert hub.log().count("pi-1: closed for") == 1
