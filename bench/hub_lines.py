"""The devices of `script/bench hub`: open connections, and packets made before the clock starts.

All packets of one kind and device are equally long and stand in a ring, so that any number
of them in a row is one slice of bytes and one call of the system.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from pi_auto.hub.mqtt.packets import publish_1, remaining_length
from pi_auto.wire import topics
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.sas import SasToken

RING = 60  # packets; a multiple of every window
_FAR = 4_000_000_000  # Unix seconds; tokens outlive the bench
_SUBSCRIBED = 0x90
_FIRST_REPORT = {
    "status": "online",
    "versions": {"client": "1.0.0", "python": "3.11.2", "os": "Debian GNU/Linux 12 (bookworm)"},
    "ip_addresses": ["192.0.2.17", "2001:db8::17"],
    "services": {"capture": {"state": "running"}, "agent": {"state": "running"}},
    "scanners": {"usb-05e0:1200-7": {"name": "Symbol Bar Code Scanner", "port": "usb-1/input0", "layout": "us"}},
    "queue": {"depth": 0, "oldest_age_s": None},
    "disk": {"free_mb": 23417, "total_mb": 29567},
    "interval_s": 30,
}


@dataclass(frozen=True, slots=True)
class Ring:
    """Packets in a row, again and again; what is sent of them, and what a whole window is answered with."""

    size: int
    octets: bytes

    @classmethod
    def of(cls, make: Callable[[int], bytes]) -> Ring:
        """A ring of what `make` makes of the packet identifiers from 1 on."""
        made = [make(packet_id) for packet_id in range(1, RING + 1)]
        [size] = {len(packet) for packet in made}
        return cls(size, b"".join(made) * 2)

    def take(self, place: int, count: int) -> bytes:
        """`count` packets from `place` on; a place is any number, a count at most RING."""
        begin = place % RING * self.size
        return self.octets[begin : begin + count * self.size]


def telemetry(device_id: str) -> Ring:
    """Messages as a device sends one scan, 300 bytes of body."""
    body = json.dumps({"text": "4006381333931", "scanner": "usb-05e0:1200-7", "filler": "x" * 237}).encode()

    def message(packet_id: int) -> bytes:
        bag = {
            "$.mid": f"5f0c9a3e-{packet_id:04}-4d1c-8a53-1b8f7c2d9e60",
            "$.ct": "application/json",
            "$.ce": "utf-8",
        }
        return publish_1(topics.telemetry(device_id, bag), body, packet_id, again=False)

    return Ring.of(message)


def patches() -> Ring:
    """Heartbeats: the time and two readings, for a twin of half a kilobyte."""

    def patch(packet_id: int) -> bytes:
        changed = {
            "time": f"2026-01-01T00:00:{packet_id % 60:02}Z",
            "uptime_s": 86000 + packet_id,
            "temperature_c": 51.2,
        }
        return publish_1(
            topics.twin_patch_reported(f"{packet_id:04}"), json.dumps(changed).encode(), packet_id, again=False
        )

    return Ring.of(patch)


def first_report() -> Ring:
    """All that a device reports when it has come."""
    body = json.dumps(_FIRST_REPORT).encode()
    return Ring.of(
        lambda packet_id: publish_1(topics.twin_patch_reported(f"{packet_id:04}"), body, packet_id, again=False)
    )


def connected(address: tuple[str, int], identity: ConnectionString) -> socket.socket:
    """A device that is connected and listens to the answers of its twin."""
    line = socket.create_connection(address, timeout=30)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(_connect(identity) + _subscribe(topics.TWIN_RESPONSES))
    answer = b""
    while len(answer) < 9:  # CONNACK of four octets, SUBACK of five
        piece = line.recv(64)
        if not piece:
            break
        answer += piece
    if answer[:4] != b"\x20\x02\x00\x00" or answer[4] != _SUBSCRIBED:
        raise SystemExit(f"{identity.device_id} was not taken: {answer!r}")
    return line


def _connect(identity: ConnectionString) -> bytes:
    resource = topics.resource(identity.host, identity.device_id)
    token = SasToken.sign(resource, identity.key, _FAR)
    fields = [identity.device_id, topics.user_name(identity.host, identity.device_id), str(token)]
    body = b"\x00\x04MQTT\x04\xc2\x00\x00" + b"".join(map(_text, fields))
    return b"\x10" + remaining_length(len(body)) + body


def _subscribe(topic: str) -> bytes:
    body = b"\x00\x01" + _text(topic) + b"\x00"
    return b"\x82" + remaining_length(len(body)) + body


def _text(text: str) -> bytes:
    octets = text.encode()
    return struct.pack(">H", len(octets)) + octets
