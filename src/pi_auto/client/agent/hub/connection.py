"""One MQTT connection to the hub, from CONNECT to DISCONNECT; never reconnected, a new one is made instead.

paho speaks MQTT, but owns nothing: no thread of it runs, it never redials, and what it
holds when the connection goes is thrown away, because the spool and its mark know better
what is to be sent again. Not for several threads.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from pi_auto.client.agent.errors import HubLost, HubRejected, HubUnreached
from pi_auto.client.agent.hub.mqtt_client import PATIENCE, mqtt_client
from pi_auto.client.agent.hub.way import TOKEN_LIFE, HubWay
from pi_auto.client.agent.network.own_link import leads_on
from pi_auto.client.agent.wakeups import readable
from pi_auto.client.clock import clock_synced
from pi_auto.wire import topics

KEEPALIVE = 60  # seconds; free of charge at Azure
_MOST_CALLS = 16  # waiting; the oldest gives way, and whoever called it hears of a time-out from the hub
_REJECTED = {"Bad user name or password", "Not authorized"}  # CONNACK 4 and 5, as paho words them


class HubConnection:
    """A connection that is open once it has been made, with a token good for `token_life` seconds.

    Raises HubUnreached or HubRejected when it is made, HubLost then and later.

    `acknowledged` collects the message numbers the hub has answered with PUBACK, `answers` the
    (status, request id, body) of twin requests, `desired` the patches of desired properties, `calls` the
    (name, request id, body) of direct methods; the owner takes them out.
    """

    def __init__(self, way: HubWay, token_life: int = TOKEN_LIFE) -> None:
        self.acknowledged: deque[int] = deque()
        self.answers: deque[tuple[int, str, bytes]] = deque()
        self.desired: deque[bytes] = deque()
        self.calls: deque[tuple[str, str, bytes]] = deque(maxlen=_MOST_CALLS)
        self._unanswered: set[int] = set()
        self._refusal: str | None = None
        self._open = False
        self._tls = way.context()
        self._mqtt = mqtt_client(way, self._tls, token_life)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_publish = self._on_publish
        self._mqtt.on_message = self._on_message
        try:
            self._connect(way)
        except BaseException:
            self.close()
            raise

    def publish(self, topic: str, body: bytes) -> int:
        """Send a message of QoS 1; the number that its PUBACK will bear."""
        info = self._mqtt.publish(topic, body, qos=1)
        self._expect(info.rc)
        self._unanswered.add(info.mid)
        return info.mid

    def report(self, body: bytes, request_id: str) -> None:
        """Send reported properties; the answer on the twin's topic is the receipt, so QoS 0 is enough."""
        self._expect(self._mqtt.publish(topics.twin_patch_reported(request_id), body, qos=0).rc)

    def ask_for_twin(self, request_id: str) -> None:
        """Ask for the whole twin; it comes as an answer."""
        self._expect(self._mqtt.publish(topics.twin_get(request_id), b"", qos=0).rc)

    def answer(self, status: int, request_id: str, body: bytes) -> None:
        """Answer a call of a direct method; the hub sends no receipt."""
        self._expect(self._mqtt.publish(topics.method_answer(status, request_id), body, qos=0).rc)

    def turn(self, seconds: float, *wakers: int) -> None:
        """Let the network work until something has come, a waker is readable, or the time is over."""
        sock = self._mqtt.socket()
        if sock is None:
            raise HubLost("the connection to the IoT Hub is gone")
        # TLS may have decoded more than was taken out; the kernel's socket does not show that.
        pending = getattr(sock, "pending", None)  # TLS has it, and so has paho's WebSocket
        buffered = pending is not None and pending() > 0
        descriptor = sock.fileno()
        writing = descriptor if self._mqtt.want_write() else None
        readable(0.0 if buffered else seconds, descriptor, *wakers, writing=writing)
        try:
            self._expect(self._mqtt.loop_read())
            if self._mqtt.want_write():
                self._expect(self._mqtt.loop_write())
            self._expect(self._mqtt.loop_misc())
        except HubLost:
            raise
        except Exception as error:  # noqa: BLE001 - paho's parser raises whatever a garbled packet makes it raise
            raise HubLost(f"the IoT Hub does not speak MQTT: {error!r}") from None

    def check_way(self) -> None:
        """Raises HubLost where this device would reach the hub from another address by now."""
        sock = self._mqtt.socket()
        if sock is None or not leads_on(sock.fileno()):
            raise HubLost("this device's own network link has changed")

    def close(self) -> None:
        """Say DISCONNECT if that is still possible, and hang up."""
        with suppress(OSError, ValueError):
            self._mqtt.disconnect()
        sock = self._mqtt.socket()
        if sock is not None:
            sock.close()
        elif self._tls:
            self._tls.hang_up()
        # Break the circle of references, so that nothing of paho outlives the connection.
        self._mqtt.on_connect = self._mqtt.on_publish = self._mqtt.on_message = None

    def _connect(self, way: HubWay) -> None:
        try:
            self._mqtt.connect(*way.first_hop, KEEPALIVE)
        except Exception as error:  # noqa: BLE001 - so does its WebSocket
            raise HubUnreached(f"no IoT Hub at {way}: {error}") from None
        deadline = time.monotonic() + PATIENCE
        while not self._open:
            self._turn_before(deadline)
        wanted = (topics.TWIN_RESPONSES, topics.DESIRED_PATCHES, topics.METHODS)
        self._expect(self._mqtt.subscribe([(topic, 0) for topic in wanted])[0])

    def _turn_before(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise HubUnreached(f"the IoT Hub did not answer within {PATIENCE:.0f} s")
        try:
            self.turn(left)
        except HubLost as error:
            if self._refusal in _REJECTED:
                raise HubRejected(f"the IoT Hub rejects this device: {self._refusal}{_clock()}") from None
            if self._refusal:
                raise HubLost(f"the IoT Hub refuses the connection: {self._refusal}") from None
            raise HubUnreached(str(error)) from None

    def _expect(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise HubLost(f"the connection to the IoT Hub is gone: {mqtt.error_string(code)}")

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._open = not reason.is_failure
        self._refusal = str(reason) if reason.is_failure else None

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        if mid in self._unanswered:  # paho tells of QoS 0 as well, once it is written: nobody has answered that
            self._unanswered.remove(mid)
            self.acknowledged.append(mid)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        answer = topics.parse_twin_response(message.topic)
        if answer:
            self.answers.append((*answer, bytes(message.payload)))
        elif topics.is_desired_patch(message.topic):
            self.desired.append(bytes(message.payload))
        elif call := topics.parse_method_call(message.topic):
            self.calls.append((*call, bytes(message.payload)))


def _clock() -> str:
    """What else may be the reason of a rejection: a token is good from this device's own time on."""
    if clock_synced():
        return ""
    return f"; its clock, which no time server has set, says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
