"""What the hub does for one connected device: the state machine between its packets and the hub's stores.

Packets go in, bytes and effects come out through an Outlet. It knows one device only, the
one that proved itself, so nothing of another can come into its answers. A device is told
that something is stored when it is on disk, never before.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, Protocol

from pi_auto.hub.auth import Admission, NotAuthorizedError, admit
from pi_auto.hub.database import BusyError
from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.mqtt import packets
from pi_auto.hub.mqtt.packets import Connect, Packet, ProtocolError, Publish, ReturnCode, Subscribe, Will
from pi_auto.hub.patches import RefusedPatchError, parse_patch
from pi_auto.hub.receipts import Receipt, Receipts
from pi_auto.hub.requests import SUBSCRIBABLE, Asks, TwinRequest, telemetry_bag, twin_request
from pi_auto.hub.services import Services
from pi_auto.wire import hublink, topics

logger = logging.getLogger("pi_auto.hub")

MOST_MESSAGE = 256 * 1024  # bytes of one telemetry message, its properties included (IoT Hub)
MOST_PACKET = MOST_MESSAGE + 64 * 1024  # so that a message a little too large is refused by its own name
MOST_PROPERTIES = 100
MOST_SUBSCRIPTIONS = 5  # IoT Hub
LONGEST_SILENCE = 1767.0  # seconds; IoT Hub's maximum, also for a keepalive of 0
_MESSAGE_WEIGHT = 512  # what a message costs the hub while it waits for the disk, besides its bytes
_TWIN_WEIGHT = 64 * 1024  # what the answer to a twin request may come to
_WILL_PROPERTY = "iothub-MessageType=Will"  # IoT Hub's mark on a will among the events


class Outlet(Protocol):
    """The connection, as a session sees it."""

    def send(self, data: bytes) -> None:
        """Send bytes to the device, if it is still there."""

    def close(self) -> None:
        """Send what is waiting and close."""

    def admitted(self, most_packet: int, silence: float, until: int) -> None:
        """The device proved itself: packets may be larger, `silence` (seconds) or `until` (Unix time) end it."""

    def hold(self, weight: int) -> None:
        """Something of `weight` bytes is under way."""

    def release(self, weight: int) -> None:
        """It is done."""


class State(Enum):
    """Where a session stands."""

    NEW = "before its CONNECT"
    ONLINE = "connected"
    ENDED = "ended"


_ALLOWED: dict[State, tuple[type[Packet], ...]] = {
    State.NEW: (Connect,),
    State.ONLINE: (
        Publish, packets.Puback, Subscribe, packets.Unsubscribe, packets.Pingreq, packets.Disconnect,
    ),
    State.ENDED: (),
}  # fmt: skip


class Session:
    """One connection's conversation, from CONNECT to its end."""

    __slots__ = ("_hub", "_outlet", "_prefix", "_receipts", "_state", "_subscriptions", "_will", "device_id")

    def __init__(self, hub: Services, outlet: Outlet) -> None:
        self._hub, self._outlet = hub, outlet
        self._state = State.NEW
        self._receipts = Receipts()
        self._subscriptions: set[str] = set()
        self._will: Will | None = None
        self._prefix = ""
        self.device_id = ""

    @property
    def online(self) -> bool:
        """Whether the device has proved itself and is still there."""
        return self._state is State.ONLINE

    def handle(self, packet: Packet) -> None:
        """Do what a packet asks for. Raises ProtocolError if it breaks the rules."""
        if not isinstance(packet, _ALLOWED[self._state]):
            raise ProtocolError(f"a {type(packet).__name__.upper()} {self._state.value}")
        match packet:
            case Publish():
                self._publish(packet)
            case packets.Pingreq():
                self._outlet.send(packets.PINGRESP)
            case Connect():
                self._connect(packet)
            case Subscribe():
                self._subscribe(packet)
            case packets.Unsubscribe():
                self._subscriptions.difference_update(packet.filters)
                self._outlet.send(packets.unsuback(packet.packet_id))
            case packets.Disconnect():
                self.end(clean=True)
            case packets.Puback():
                pass  # the hub sends at QoS 0 only, so there is nothing to cross off

    def tell_desired(self, patch: bytes, version: int) -> None:
        """Hand the device a change of its desired properties, if it has subscribed to them."""
        if self.online and topics.DESIRED_PATCHES in self._subscriptions:
            self._outlet.send(packets.publish(topics.desired_patch(version), patch))

    def end(self, *, clean: bool) -> None:
        """The connection is over; a will is published unless the device said good-bye. Idempotent."""
        was_online, self._state = self.online, State.ENDED
        if was_online:
            if self._will and not clean:
                bag = telemetry_bag(self._will.topic, self._prefix) or ""
                marked = f"{bag}&{_WILL_PROPERTY}" if bag else _WILL_PROPERTY
                self._append(hublink.TELEMETRY, marked, self._will.payload, self._will.retain)
            self._append(hublink.DISCONNECTED)
            self._hub.switchboard.leave(self.device_id, self)
        self._outlet.close()

    def _connect(self, connect: Connect) -> None:
        try:
            admission = admit(connect, self._hub.registry, self._hub.host, time.time())
            self._accept(connect, admission)
        except NotAuthorizedError as error:
            self._hub.complaints.say(f"{connect.client_id[:128]} is refused", str(error))
            self._outlet.send(packets.connack(ReturnCode.NOT_AUTHORIZED))
            self.end(clean=True)

    def _accept(self, connect: Connect, admission: Admission) -> None:
        prefix = topics.telemetry_prefix(admission.device_id)
        if connect.will:
            _checked_bag(connect.will.topic, prefix, connect.will.payload)
        self.device_id, self._prefix, self._will = admission.device_id, prefix, connect.will
        # IoT Hub: a second connection of one id drops the first.
        self._hub.switchboard.enter(self.device_id, self)
        self._state = State.ONLINE
        self._append(hublink.CONNECTED)
        silence = min(connect.keepalive * 1.5 or LONGEST_SILENCE, LONGEST_SILENCE)
        self._outlet.admitted(MOST_PACKET, silence, admission.until)
        self._outlet.send(packets.connack(ReturnCode.ACCEPTED))

    def _subscribe(self, packet: Subscribe) -> None:
        codes = [self._grant(topic, qos) for topic, qos in packet.filters]
        self._outlet.send(packets.suback(packet.packet_id, codes))

    def _grant(self, topic: str, qos: int) -> int:
        if topic not in SUBSCRIBABLE or len(self._subscriptions | {topic}) > MOST_SUBSCRIPTIONS:
            self._hub.complaints.say(self.device_id, f"a subscription it may not have: {topic[:128]}")
            return packets.SUBSCRIPTION_REFUSED
        self._subscriptions.add(topic)
        return min(qos, 1)  # IoT Hub: QoS 2 is granted as 1

    def _publish(self, publish: Publish) -> None:
        if publish.qos > 1:
            raise ProtocolError("a PUBLISH of QoS 2")  # IoT Hub closes the connection
        receipt = self._receipts.owe(publish.packet_id) if publish.qos else None
        request = twin_request(publish.topic)
        if request is None:
            self._telemetry(publish, receipt)
        elif request.asks is Asks.GET:
            self._get_twin(request, receipt)
        else:
            self._report(request, receipt, publish.payload)

    def _telemetry(self, publish: Publish, receipt: Receipt | None) -> None:
        bag = _checked_bag(publish.topic, self._prefix, publish.payload)
        weight = len(publish.payload) + _MESSAGE_WEIGHT
        self._outlet.hold(weight)
        done = partial(self._settle, receipt, weight)
        self._append(hublink.TELEMETRY, bag, publish.payload, publish.retain, done)

    def _get_twin(self, request: TwinRequest, receipt: Receipt | None) -> None:
        def answered(twin: asyncio.Future[bytes]) -> None:
            status, body = _outcome(twin)
            self._answer(request, receipt, status, body if status != 200 else twin.result())

        self._ask(request, receipt, lambda: self._hub.twins.read(self.device_id), answered)

    def _report(self, request: TwinRequest, receipt: Receipt | None, payload: bytes) -> None:
        """Merge, then log the change, then answer: a device that hears 204 need not report it again."""
        try:
            patch = parse_patch(payload)
        except RefusedPatchError as error:
            self._outlet.hold(_TWIN_WEIGHT)
            self._answer(request, receipt, 400, _error_body(400, str(error)))
            return

        def answered(version: asyncio.Future[int]) -> None:
            status, body = _outcome(version)
            if status != 200:
                self._answer(request, receipt, status, body)
                return
            change = {"properties": {"reported": patch}, "version": version.result()}
            done = partial(self._answer, request, receipt, 204, b"", version.result())
            self._append(hublink.TWIN_CHANGE, body=json.dumps(change, separators=(",", ":")).encode(), done=done)

        self._ask(request, receipt, lambda: self._hub.twins.report(self.device_id, patch), answered)

    def _ask(
        self,
        request: TwinRequest,
        receipt: Receipt | None,
        question: Callable[[], asyncio.Future[Any]],
        answered: Callable[[asyncio.Future[Any]], None],
    ) -> None:
        """Put a question to the twins; too many at once is answered with 429, as IoT Hub does."""
        self._outlet.hold(_TWIN_WEIGHT)
        try:
            question().add_done_callback(answered)
        except BusyError as error:
            self._answer(request, receipt, 429, _error_body(429, str(error)))

    def _answer(
        self, request: TwinRequest, receipt: Receipt | None, status: int, body: bytes, version: int | None = None
    ) -> None:
        if self.online and topics.TWIN_RESPONSES in self._subscriptions:
            topic = topics.twin_response(status, request.request_id, version)
            self._outlet.send(packets.publish(topic, body))
        self._settle(receipt, _TWIN_WEIGHT)

    def _settle(self, receipt: Receipt | None, weight: int) -> None:
        if receipt:
            self._outlet.send(self._receipts.settle(receipt))
        self._outlet.release(weight)

    def _append(
        self,
        kind: str,
        bag: str = "",
        body: bytes = b"",
        retain: bool = False,
        done: Callable[[], None] | None = None,
    ) -> None:
        self._hub.log.append(Record(kind, self.device_id, time.time_ns() // 1_000_000, bag, body, retain), done)


def _checked_bag(topic: str, prefix: str, payload: bytes) -> str:
    """The property bag of a telemetry message that may be stored. Raises ProtocolError."""
    bag = telemetry_bag(topic, prefix)
    if bag is None:
        raise ProtocolError(f"a message to the topic {topic[:128]!r}; its own is {prefix}")
    if len(bag) + len(payload) > MOST_MESSAGE:
        raise ProtocolError(f"a message of {len(bag) + len(payload)} bytes; at most {MOST_MESSAGE} are allowed")
    if bag.count("&") >= MOST_PROPERTIES - 1:  # one is left for the mark of a will
        raise ProtocolError(f"{MOST_PROPERTIES} properties or more")
    return bag


def _outcome(answer: asyncio.Future[Any]) -> tuple[int, bytes]:
    """200, or the status and body of an answer that failed."""
    error = answer.exception()
    if error is None:
        return 200, b""
    if isinstance(error, RefusedPatchError):
        return 400, _error_body(400, str(error))
    if not isinstance(error, sqlite3.Error):  # the database has said what is wrong with it
        logger.error("a twin request failed", exc_info=error)
    return 500, _error_body(500, "the hub could not do it; try again")


def _error_body(status: int, message: str) -> bytes:
    return json.dumps({"errorCode": status, "message": message}).encode()
