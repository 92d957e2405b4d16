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


class Intake:
    """The telemetry that one turn of a connection brings: events each by itself, acknowledged all at once.

    This is what a hub does all day, so whatever can be done once a turn is not done for each message.
    """

    __slots__ = ("_receipt", "_talk", "_weight", "prefix")

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self.prefix = ""  # of the device's own topics, once it has proved itself
        self._receipt: Receipt | None = None
        self._weight = 0

    def take(self, publish: Publish) -> None:
        """Store a message to the device's own topic. Raises ProtocolError for every other."""
        talk = self._talk
        bag = checked_bag(publish.topic, self.prefix, publish.payload)
        weight = len(publish.payload) + _MESSAGE_WEIGHT
        self._weight += weight
        talk.outlet.hold(weight)
        talk.append(hublink.TELEMETRY, bag, publish.payload, publish.retain)
        if publish.qos:
            self._owe(publish.packet_id)
        if (delay := talk.hub.throttles.delay("telemetry")) > 0:
            talk.outlet.rest(delay)  # IoT Hub delays what exceeds the rate, and so loses nothing

    def finish(self) -> None:
        """Acknowledge what was taken since the last time, once it is on disk."""
        if self._weight:
            self._talk.hub.log.when_durable(partial(self._talk.settle, self._receipt, self._weight))
            self._receipt, self._weight = None, 0

    def _owe(self, packet_id: int) -> None:
        if self._receipt:
            self._receipt.add(packet_id)
        else:
            self._receipt = self._talk.receipts.owe(packet_id)


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
