"""What a device says to a running server, and connections that a test holds open."""

from __future__ import annotations

import socket
from typing import Any

from pi_auto.wire.connection_string import ConnectionString
from support.api import DEVICE, registration
from support.mqtt import PahoDevice
from support.records import SPOOL
from support.server import RunningServer

CLAIM = "a" * 64


def register(server: RunningServer, device_id: str = DEVICE) -> dict[str, Any]:
    """Register a device; what it is told."""
    answer = server.request("/api/register_device", registration(device_id, CLAIM))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json
    return told


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
    return PahoDevice(address, ConnectionString.parse(told["connection_string"]))


def connection_to(server: RunningServer) -> socket.socket:
    """A bare connection."""
    host, _, port = server.http.rpartition(":")
    return socket.create_connection((host, int(port)), 10)


def open_stream(server: RunningServer) -> socket.socket:
    """A live page's stream, its first bytes received."""
    stream = connection_to(server)
    stream.sendall(f"GET /live HTTP/1.1\r\nHost: {server.http}\r\nAccept: text/event-stream\r\n\r\n".encode())
    assert b"200" in stream.recv(4096)
    return stream
