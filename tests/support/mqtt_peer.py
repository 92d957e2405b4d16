"""A hub that can be told to misbehave: as much MQTT 3.1.1 as a device's link needs, one thread a connection.

The real hub is tested elsewhere and used where it fits; this one exists for what a real
one never does: keep a PUBACK to itself, close in the middle, throttle, send garbage.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_auto.wire import topics
from support.listener import Listener

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14


@dataclass
class MqttPeer(Listener):
    """Start it with `with`. `telemetry`, `reports` and `connects` (CONNECT packets) collect what came."""

    certificate: Path | None = None
    connack: int = 0
    greeting: bytes | None = None  # sent in place of a CONNACK
    acknowledge: bool = True
    close_after: int | None = None  # messages of a connection, of which the last stays unacknowledged
    poison: bytes | None = None  # a telemetry body with this in it ends the connection
    dies_within: float | None = None  # seconds in which it still answers reports before that
    twin_status: int | None = 204  # None: no answer
    telemetry: list[tuple[str, bytes]] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    connects: list[bytes] = field(default_factory=list)
    method_answers: list[tuple[str, bytes]] = field(default_factory=list)
    disconnects: int = 0
    most_unacknowledged: int = 0

    def __post_init__(self) -> None:
        self._context = _server_context(self.certificate)

    def call(self, name: str, request_id: str, body: bytes) -> None:
        """Call a direct method of everybody who is connected."""
        topic = f"$iothub/methods/POST/{name}/?$rid={request_id}".encode()
        packet = len(topic).to_bytes(2, "big") + topic + body
        for sock in list(self._open):
            sock.sendall(bytes((PUBLISH << 4,)) + _length(len(packet)) + packet)

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.telemetry]

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            if self._context:
                sock = self._context.wrap_socket(plain, server_side=True)
            self._open.add(sock)
            _Conversation(self, sock).run()
        except (OSError, EOFError):
            pass
        finally:
            self._open.discard(sock)
            sock.close()
            plain.close()


class _Conversation:
    def __init__(self, peer: MqttPeer, sock: socket.socket) -> None:
        self._peer, self._sock = peer, sock
        self._messages = 0
        self._unacknowledged = 0
        self._dying = False

    def run(self) -> None:
        while True:
            head, body = self._packet()
            kind = head >> 4
            if kind == CONNECT:
                self._connect(body)
            elif kind == PUBLISH:
                self._publish(head, body)
            elif kind == SUBSCRIBE:
                self._send(SUBACK << 4, body[:2] + b"\0")
            elif kind == PINGREQ:
                self._send(PINGRESP << 4, b"")
            elif kind == DISCONNECT:
                self._peer.disconnects += 1
                return

    def _connect(self, body: bytes) -> None:
        self._peer.connects.append(body)
        if self._peer.greeting is not None:
            self._sock.sendall(self._peer.greeting)
            return
        self._send(CONNACK << 4, bytes((0, self._peer.connack)))
        if self._peer.connack:
            raise EOFError

    def _publish(self, head: int, body: bytes) -> None:
        length = int.from_bytes(body[:2], "big")
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        if head >> 1 & 3:
            self._telemetry(topic, rest[:2], rest[2:])
        elif topic.startswith("$iothub/twin/PATCH/properties/reported/"):
            self._peer.reports.append(rest)
            if self._peer.twin_status is not None:
                request_id = topic.partition("$rid=")[2]
                self._say(topics.twin_response(self._peer.twin_status, request_id, len(self._peer.reports)))
        elif topic.startswith("$iothub/methods/res/"):
            self._peer.method_answers.append((topic, rest))

    def _telemetry(self, topic: str, mid: bytes, body: bytes) -> None:
        self._messages += 1
        self._unacknowledged += 1
        self._peer.telemetry.append((topic, body))
        self._peer.most_unacknowledged = max(self._peer.most_unacknowledged, self._unacknowledged)
        if self._messages == self._peer.close_after or (self._peer.poison and self._peer.poison in body):
            if self._peer.dies_within is None:
                raise EOFError
            self._dying = True
            self._sock.settimeout(self._peer.dies_within)
        if self._dying:
            return
        if self._peer.acknowledge:
            self._unacknowledged -= 1
            self._send(PUBACK << 4, mid)

    def _say(self, topic: str) -> None:
        name = topic.encode()
        self._send(PUBLISH << 4, len(name).to_bytes(2, "big") + name)

    def _send(self, head: int, body: bytes) -> None:
        self._sock.sendall(bytes((head,)) + _length(len(body)) + body)

    def _packet(self) -> tuple[int, bytes]:
        head = self._exactly(1)[0]
        length = shift = 0
        while True:
            digit = self._exactly(1)[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return head, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self._sock.recv(count - len(found))
            if not part:
                raise EOFError
            found += part
        return found


def _length(size: int) -> bytes:
    octets = bytearray()
    while True:
        size, digit = size >> 7, size & 127
        octets.append(digit | (128 if size else 0))
        if not size:
            return bytes(octets)


def _server_context(certificate: Path | None) -> Any:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
