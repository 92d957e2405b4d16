"""Telemetry of one device: checked against IoT Hub's limits, into the log, and acknowledged once it is on disk."""

from __future__ import annotations

from functools import partial

from pi_auto.hub.mqtt.packets import ProtocolError, Publish, Will
from pi_auto.hub.receipts import Receipt
from pi_auto.hub.requests import telemetry_bag
from pi_auto.hub.sessions.conversation import Conversation
from pi_auto.wire import hublink, topics

MOST_MESSAGE = 256 * 1024  # bytes of one telemetry message, its properties included (IoT Hub)
MOST_PACKET = MOST_MESSAGE + 64 * 1024  # so that a message a little too large is refused by its own name
MOST_PROPERTIES = 100
_MESSAGE_WEIGHT = 512  # what a message costs the hub while it waits for the disk, besides its bytes
_WILL_PROPERTY = "iothub-MessageType=Will"  # IoT Hub's mark on a will among the events


def take(talk: Conversation, prefix: str, publish: Publish, receipt: Receipt | None) -> None:
    """Store a message to the device's own topic. Raises ProtocolError for every other."""
    bag = checked_bag(publish.topic, prefix, publish.payload)
    weight = len(publish.payload) + _MESSAGE_WEIGHT
    talk.outlet.hold(weight)
    talk.append(hublink.TELEMETRY, bag, publish.payload, publish.retain, partial(talk.settle, receipt, weight))
    if (delay := talk.hub.throttles.delay("telemetry")) > 0:
        talk.outlet.rest(delay)  # IoT Hub delays what exceeds the rate, and so loses nothing


def leave_will(talk: Conversation, will: Will) -> None:
    """Store what a device left for the case that its connection breaks."""
    bag = telemetry_bag(will.topic, topics.telemetry_prefix(talk.device_id)) or ""
    marked = f"{bag}&{_WILL_PROPERTY}" if bag else _WILL_PROPERTY
    talk.append(hublink.TELEMETRY, marked, will.payload, will.retain)


def checked_bag(topic: str, prefix: str, payload: bytes) -> str:
    """The property bag of a telemetry message that may be stored. Raises ProtocolError."""
    bag = telemetry_bag(topic, prefix)
    if bag is None:
        raise ProtocolError(f"a message to the topic {topic[:128]!r}; its own is {prefix}")
    if len(bag) + len(payload) > MOST_MESSAGE:
        raise ProtocolError(f"a message of {len(bag) + len(payload)} bytes; at most {MOST_MESSAGE} are allowed")
    if bag.count("&") >= MOST_PROPERTIES - 1:  # one is left for the mark of a will
        raise ProtocolError(f"{MOST_PROPERTIES} properties or more")
    return bag
