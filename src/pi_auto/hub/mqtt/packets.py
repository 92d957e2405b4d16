"""The packets of MQTT 3.1.1 that a device and the hub exchange, and the bytes of those the hub sends.

Nothing here reads a socket. The numbered statements in brackets are those of the OASIS
standard "MQTT Version 3.1.1".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

SUBSCRIPTION_REFUSED = 0x80
PINGRESP = b"\xd0\x00"
_ACKNOWLEDGEMENT = struct.Struct(">BBH")


class ProtocolError(Exception):
    """The peer broke MQTT or IoT Hub's rules, and the text says which; the connection must be closed."""


class WrongProtocolError(ProtocolError):
    """The peer speaks another version of MQTT; it is told so by CONNACK 1 [MQTT-3.1.2-2]."""


class ReturnCode(IntEnum):
    """What a CONNACK says."""

    ACCEPTED = 0
    WRONG_PROTOCOL = 1
    SERVER_UNAVAILABLE = 3
    NOT_AUTHORIZED = 5


class Will(NamedTuple):
    """What the hub publishes for a device whose connection breaks."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(slots=True)
class Connect:
    """The first packet of a connection. Keepalive in seconds; the password stays out of every repr."""

    client_id: str
    clean_session: bool
    keepalive: int
    will: Will | None = None
    user_name: str = ""
    password: str = field(default="", repr=False)


class Publish(NamedTuple):
    """A message of a device; `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    retain: bool


class Puback(NamedTuple):
    """The device has what the hub sent."""

    packet_id: int


class Subscribe(NamedTuple):
    """The topics a device wants, each with the QoS it asks for."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Unsubscribe(NamedTuple):
    """The topics a device no longer wants."""

    packet_id: int
    filters: tuple[str, ...]


class Pingreq(NamedTuple):
    """The device is there."""


class Disconnect(NamedTuple):
    """The device goes of its own will."""


Packet = Connect | Publish | Puback | Subscribe | Unsubscribe | Pingreq | Disconnect


def connack(code: ReturnCode, *, present: bool = False) -> bytes:
    """The answer to a Connect; `present` if a session is kept from before."""
    return bytes((0x20, 2, present, code))


def puback(packet_id: int) -> bytes:
    """The answer to a Publish of QoS 1."""
    return _ACKNOWLEDGEMENT.pack(0x40, 2, packet_id)


def suback(packet_id: int, codes: list[int]) -> bytes:
    """The answer to a Subscribe: a granted QoS, or SUBSCRIPTION_REFUSED, for each filter in its order."""
    return bytes((0x90,)) + remaining_length(2 + len(codes)) + packet_id.to_bytes(2, "big") + bytes(codes)


def unsuback(packet_id: int) -> bytes:
    """The answer to an Unsubscribe."""
    return _ACKNOWLEDGEMENT.pack(0xB0, 2, packet_id)


def publish(topic: str, payload: bytes) -> bytes:
    """A message of QoS 0 to a device."""
    name = topic.encode()
    length = remaining_length(2 + len(name) + len(payload))
    return b"".join((b"\x30", length, len(name).to_bytes(2, "big"), name, payload))


def publish_1(topic: str, payload: bytes, packet_id: int, *, again: bool) -> bytes:
    """A message of QoS 1 to a device; `again` (DUP) if it may have it already."""
    name = topic.encode()
    length = remaining_length(4 + len(name) + len(payload))
    first = b"\x3a" if again else b"\x32"
    return b"".join((first, length, len(name).to_bytes(2, "big"), name, packet_id.to_bytes(2, "big"), payload))


def remaining_length(length: int) -> bytes:
    """A length in MQTT's seven bits a byte, lowest first."""
    octets = bytearray()
    while length > 0x7F:
        octets.append(length & 0x7F | 0x80)
        length >>= 7
    octets.append(length)
    return bytes(octets)
