"""Two ways to be a device of the hub: paho-mqtt, somebody else's client, and a raw socket that may misbehave."""

from __future__ import annotations

import itertools
import json
import queue
import socket
import struct
import time
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.sas import SasToken
from support.tls import NamedContext
from support.waiting import wait_until

PATIENCE = 15.0  # seconds


def token(device: ConnectionString, *, expiry: int | None = None, resource: str | None = None) -> str:
    """A token for a device, good for an hour unless told otherwise."""
    signed_for = resource or topics.resource(device.host, device.device_id)
    return str(SasToken.sign(signed_for, device.key, expiry or int(time.time()) + 3600))


class PahoDevice:
    """A device by paho-mqtt 2, connected inside its `with` block. It does not reconnect by itself."""

    def __init__(
        self,
        address: tuple[str, int],
        device: ConnectionString,
        *,
        password: str | None = None,
        keepalive: int = 60,
        user_name: str | None = None,
        client_id: str | None = None,
        ca: str | None = None,
    ) -> None:
        """With `ca`, the PEM of an authority, it speaks TLS to a hub of the name in the connection string."""
        self._address, self._keepalive, self._device = address, keepalive, device
        self._requests = itertools.count(1)
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.granted: list[int] = []
        self.refused: int | None = None
        self.acknowledged: set[int] = set()
        self.gone = False
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or device.device_id,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(
            user_name or topics.user_name(device.host, device.device_id),
            token(device) if password is None else password,
        )
        if ca:
            self.client.tls_set_context(NamedContext.of(ca, device.host))
        self.client.on_message = lambda _, __, message: self.answers.put((message.topic, bytes(message.payload)))
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_disconnect = self._on_disconnect

    def __enter__(self) -> Self:
        self.start()
        wait_until(lambda: self.client.is_connected() or self.refused is not None, PATIENCE, "a CONNACK")
        if self.refused is not None:
            self.close()
            raise AssertionError(f"refused with {self.refused}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Dial and send the CONNECT."""
        self.client.connect(*self._address, keepalive=self._keepalive)
        self.client.loop_start()

    def close(self) -> None:
        """Say good-bye and end the thread."""
        self.client.disconnect()
        self.client.loop_stop()
        self.client._reset_sockets()  # paho leaves its own pair to the garbage collector

    def send(self, body: bytes, properties: dict[str, str] | None = None, *, qos: int = 1) -> int:
        """Publish telemetry; the packet id."""
        topic = topics.telemetry(self._device.device_id, properties or {})
        return self.client.publish(topic, body, qos=qos).mid

    def send_and_wait(self, body: bytes, properties: dict[str, str] | None = None) -> None:
        """Publish telemetry and wait for its PUBACK."""
        number = self.send(body, properties)
        wait_until(lambda: number in self.acknowledged, PATIENCE, "a PUBACK")

    def subscribe(self, topic: str, qos: int = 1) -> int:
        """Subscribe; what was granted."""
        self.granted = []
        self.client.subscribe(topic, qos)
        return wait_until(lambda: self.granted, PATIENCE, "a SUBACK")[0]

    def twin(self) -> dict[str, Any]:
        """GET the twin; `subscribe(topics.TWIN_RESPONSES)` must have been called."""
        status, _, body = self._ask(topics.twin_get)
        assert status == 200
        twin: dict[str, Any] = json.loads(body)
        return twin

    def report(self, patch: object) -> tuple[int, str]:
        """PATCH the reported properties; status and topic of the answer. Bytes are sent as they are."""
        body = patch if isinstance(patch, bytes) else json.dumps(patch).encode()
        status, topic, _ = self._ask(topics.twin_patch_reported, body)
        return status, topic

    def _ask(self, topic_for: Any, body: bytes = b"") -> tuple[int, str, bytes]:
        request_id = str(next(self._requests))
        self.client.publish(topic_for(request_id), body, qos=1)
        topic, answer = self.answers.get(timeout=PATIENCE)
        response = topics.parse_twin_response(topic)
        assert response is not None, topic
        assert response[1] == request_id
        return response[0], topic, answer

    def _on_connect(
        self, _: paho.Client, __: Any, ___: paho.ConnectFlags, code: ReasonCode, ____: Properties | None
    ) -> None:
        self.refused = int(code.value) if code.is_failure else None

    def _on_subscribe(
        self, _: paho.Client, __: Any, ___: int, codes: list[ReasonCode], ____: Properties | None
    ) -> None:
        self.granted = [int(code.value) for code in codes]

    def _on_publish(self, _: paho.Client, __: Any, number: int, ___: ReasonCode, ____: Properties | None) -> None:
        self.acknowledged.add(number)

    def _on_disconnect(
        self, _: paho.Client, __: Any, ___: paho.DisconnectFlags, ____: ReasonCode, _____: Properties | None
    ) -> None:
        self.gone = True


class RawDevice:
    """A TCP connection to the hub that sends whatever it is told; to be closed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes; a hub that has closed already does not matter."""
        try:
            self.socket.sendall(data)
        except OSError:
            return

    def receive(self, count: int) -> bytes:
        """So many bytes, or fewer if the hub closes before."""
        received = b""
        while len(received) < count:
            try:
                piece = self.socket.recv(count - len(received))
            except ConnectionError:
                break
            if not piece:
                break
            received += piece
        return received

    def connect(
        self,
        device: ConnectionString,
        *,
        keepalive: int = 60,
        will: tuple[str, bytes] | None = None,
        clean: bool = True,
    ) -> bytes:
        """Send a CONNECT with a good token; the CONNACK. Not clean means that the session is kept."""
        self.send(connect_packet(device, keepalive=keepalive, will=will, clean=clean))
        return self.receive(4)

    def message(self) -> tuple[bool, int, str, bytes]:
        """DUP, packet id, topic and body of the next packet, which must be a PUBLISH of QoS 1."""
        first, length, shift = self.receive(1)[0], 0, 0
        while True:
            octet = self.receive(1)[0]
            length |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
        body = self.receive(length)
        end = 2 + struct.unpack(">H", body[:2])[0]
        assert first & 0xF6 == 0x32
        return bool(first & 8), struct.unpack(">H", body[end : end + 2])[0], body[2:end].decode(), body[end + 2 :]

    def is_closed(self, timeout: float = PATIENCE) -> bool:
        """Whether the hub closes within `timeout` seconds; what it sends meanwhile is thrown away."""
        return ends(self.socket, timeout)


def ends(sock: socket.socket, timeout: float) -> bool:
    """Whether the other side closes within `timeout` seconds; what it sends meanwhile is thrown away."""
    sock.settimeout(timeout)
    try:
        while sock.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def packet(first: int, body: bytes) -> bytes:
    """An MQTT packet with its length."""
    length, octets = len(body), bytearray()
    while length > 0x7F:
        octets.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes((first, *octets, length)) + body


def text(value: str | bytes) -> bytes:
    """A string field."""
    octets = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(octets)) + octets


def connect_packet(
    device: ConnectionString,
    *,
    keepalive: int = 60,
    will: tuple[str, bytes] | None = None,
    password: str | None = None,
    level: int = 4,
    clean: bool = True,
) -> bytes:
    """A CONNECT."""
    flags = 0xC0 | (0x02 if clean else 0) | (0x04 if will else 0)
    body = text("MQTT") + bytes((level, flags)) + struct.pack(">H", keepalive) + text(device.device_id)
    body += text(will[0]) + text(will[1]) if will else b""
    body += text(topics.user_name(device.host, device.device_id))
    body += text(token(device) if password is None else password)
    return packet(0x10, body)


def publish_packet(topic: str | bytes, payload: bytes, *, qos: int = 1, number: int = 1) -> bytes:
    """A PUBLISH."""
    identifier = struct.pack(">H", number) if qos else b""
    return packet(0x30 | qos << 1, text(topic) + identifier + payload)


def subscribe_packet(*filters: str, qos: int = 1, number: int = 7) -> bytes:
    """A SUBSCRIBE to all of these."""
    return packet(0x82, struct.pack(">H", number) + b"".join(text(each) + bytes((qos,)) for each in filters))
