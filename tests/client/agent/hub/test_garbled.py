"""Whatever comes within a WebSocket, the device ends up without a hub and never with a dead worker."""

from __future__ import annotations

import hashlib
import random
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.agent.errors import HubError
from pi_auto.client.agent.hub.carriers import Carrier
from pi_auto.client.agent.hub.connection import HubConnection
from pi_auto.client.agent.hub.way import HubWay
from pi_auto.wire.connection_string import ConnectionString
from support.certificates import Authority

from .conftest import DEVICE, NAME

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
CONNACK = b"\x82\x04\x20\x02\x00\x00"  # in a frame of its own
SUBACK = b"\x82\x07\x90\x05\x00\x01\x00\x00\x00"


class Garbler:
    """Shakes hands as it should, then sends `says` and hangs up; `greets` is sent in place of the hands."""

    def __init__(self, certificate: Path) -> None:
        self.says = b""
        self.greets: bytes | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with self._context.wrap_socket(plain, server_side=True) as sock:
                    self._talk(sock)
            except OSError:
                continue

    def _talk(self, sock: ssl.SSLSocket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:] if line)
        accept = b64encode(
            hashlib.sha1(f"{fields['Sec-WebSocket-Key']}{_GUID}".encode(), usedforsecurity=False).digest()
        ).decode()
        hands = f"HTTP/1.1 101 Hello\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        sock.sendall((hands if self.greets is None else self.greets) + self.says)


@pytest.fixture
def garbler(authority: Authority) -> Iterator[Garbler]:
    made = Garbler(authority.certificate(NAME))
    yield made
    made.close()


def way(garbler: Garbler, ca: Path) -> HubWay:
    credentials = ConnectionString(NAME, DEVICE, "c2VjcmV0")
    return HubWay(credentials, "127.0.0.1", garbler.port, tls=True, ca=ca, carrier=Carrier.WEBSOCKET)


def use(way: HubWay) -> None:
    """Connect and go on until it is over."""
    connection = HubConnection(way)
    try:
        for _ in range(200):
            connection.turn(0.5)
    finally:
        connection.close()


@pytest.mark.parametrize(
    "greets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 101 Hello\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 101 Hello\r\nConnection: Upgrade\r\nSec-WebSocket-Accept\r\n\r\n",
        b"HTTP/1.1 101 Hello\r\nConnection: close\r\n\r\n",
        b"\xff\xfe\n" * 50,
        b"\n\n\n",
    ],
)
def test_hands_that_are_none_are_no_hub(garbler: Garbler, authority: Authority, greets: bytes) -> None:
    garbler.greets = greets
    with pytest.raises(HubError):
        use(way(garbler, authority.ca))


@pytest.mark.parametrize(
    "says",
    [
        b"",
        CONNACK,
        CONNACK + SUBACK,
        b"\x88\x02\x03\xe8",  # close
        b"\x81\x04text",
        b"\x89\x00" + CONNACK + b"\x8a\x00" + SUBACK,  # ping and pong
        b"\x82\x00" * 100,
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x82\x7e\xff\xff" + b"\x20" * 100,
        CONNACK + b"\x82\x05\xf0\xff\xff\xff\x7f",
    ],
)
def test_frames_of_every_kind_end_without_a_hub(garbler: Garbler, authority: Authority, says: bytes) -> None:
    garbler.says = says
    with pytest.raises(HubError):
        use(way(garbler, authority.ca))


def test_random_frames_end_without_a_hub(garbler: Garbler, authority: Authority) -> None:
    dice = random.Random(20)
    for _ in range(150):
        start = dice.choice([b"", CONNACK, CONNACK + SUBACK])
        garbler.says = start + dice.randbytes(dice.choice([1, 10, 200, 5000]))
        with pytest.raises(HubError):
            use(way(garbler, authority.ca))
