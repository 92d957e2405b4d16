"""What a device says to a running server, and connections that a test holds open."""

from __future__ import annotations

import secrets
import socket
from typing import Any

from pi_auto.wire.connection_string import ConnectionString
from support.api import DEVICE
from support.batch_enrolling import card_of, enrol
from support.mqtt import PahoDevice
from support.records import SPOOL
from support.server import RunningServer
from support.tls import connect


def register(server: RunningServer, device_id: str = DEVICE, hostname: str = "box") -> dict[str, Any]:
    """Enrol a device that has a batch token, and a key that nobody has seen; what it is told."""
    card = card_of(server, f"batch-{secrets.token_hex(4)}")
    serial = device_id.removeprefix("pi-").rjust(16, "0")
    return enrol(server, card, serial, hostname=hostname).to_json() | {"ca": card.ca}


def batch(*records: Any) -> dict[str, Any]:
    """A batch of the one device."""
    numbers = [record.position.number for record in records]
    return {
        "device_id": DEVICE,
        "spool": SPOOL,
        "first": min(numbers),
        "through": max(numbers),
        "oldest": 1,
        "scans": [record.to_json() for record in records],
    }


def listed(server: RunningServer) -> list[dict[str, Any]]:
    """All scans in the books, oldest first."""
    entries: list[dict[str, Any]] = server.request("/api/scans?order=oldest&limit=1000").json["scans"]
    return entries


def paho(told: dict[str, Any]) -> PahoDevice:
    """The device at the hub that it was told of."""
    address = (told["hub"]["address"], told["hub"]["port"])
    return PahoDevice(address, ConnectionString.parse(told["connection_string"]), ca=told["ca"])


def connection_to(server: RunningServer) -> socket.socket:
    """A bare connection within TLS."""
    return connect(server.https, server.card)


def open_stream(server: RunningServer) -> socket.socket:
    """A live page's stream, its first bytes received."""
    stream = connection_to(server)
    head = f"Host: {server.https}\r\nAuthorization: Bearer {server.operator}\r\nAccept: text/event-stream"
    stream.sendall(f"GET /live HTTP/1.1\r\n{head}\r\n\r\n".encode())
    assert b"200" in stream.recv(4096)
    return stream
