"""What the bytes of one whole packet say; whatever they are, only ProtocolError is raised."""

from __future__ import annotations

from collections.abc import Callable

from pi_auto.hub.mqtt.packets import (
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    ProtocolError,
    Puback,
    Publish,
    Subscribe,
    Unsubscribe,
    Will,
    WrongProtocolError,
)

MOST_FILTERS = 32  # in one SUBSCRIBE; IoT Hub grants five
PUBLISH = 3
_LEVEL = 4  # MQTT 3.1.1


class _Cursor:
    """Reads the fields of one packet's body in order."""

    __slots__ = ("_body", "_place")

    def __init__(self, body: bytes) -> None:
        self._body, self._place = body, 0

    def octets(self, count: int) -> bytes:
        begin, self._place = self._place, self._place + count
        if self._place > len(self._body):
            raise ProtocolError("a packet that ends inside a field")
        return self._body[begin : self._place]

    def number(self, octets: int) -> int:
        return int.from_bytes(self.octets(octets), "big")

    def text(self) -> str:
        return _text(self.octets(self.number(2)))

    def packet_id(self) -> int:
        return _packet_id(self.number(2))

    def at_end(self) -> bool:
        return self._place == len(self._body)


def checked_kind(octet: int) -> int:
    """The type of a packet by its first byte. Raises ProtocolError where no device sends it."""
    kind, flags = octet >> 4, octet & 0x0F
    if kind != PUBLISH and _FLAGS.get(kind) != flags:
        raise ProtocolError(f"a packet of type {kind} with flags {flags}, which a device never sends")
    return kind


def packet_of(kind: int, body: bytes) -> Packet:
    """A packet of any type but PUBLISH by its body. Raises ProtocolError."""
    cursor = _Cursor(body)
    packet = _READERS[kind](cursor)
    if not cursor.at_end():
        raise ProtocolError("a packet with bytes after its last field")
    return packet


def publish_of(first: int, buffer: bytes | bytearray, begin: int, end: int) -> Publish:
    """A PUBLISH by its first byte and where its body lies. Raises ProtocolError.

    By hand, without a cursor or a copy of the body: this is what a hub reads all day.
    """
    qos = first >> 1 & 3
    if qos == 3:
        raise ProtocolError("a PUBLISH of QoS 3")
    topic_end = begin + 2 + int.from_bytes(buffer[begin : begin + 2], "big")
    payload = topic_end + 2 if qos else topic_end
    if end < max(begin + 2, payload):
        raise ProtocolError("a packet that ends inside a field")
    topic = _text(buffer[begin + 2 : topic_end])
    if not topic or "+" in topic or "#" in topic:  # [MQTT-3.3.2-2]
        raise ProtocolError("a PUBLISH to no topic, or to one with wildcards")
    packet_id = _packet_id(int.from_bytes(buffer[topic_end:payload], "big")) if qos else 0
    return Publish(topic, bytes(buffer[payload:end]), qos, packet_id, bool(first & 1))


def _connect(cursor: _Cursor) -> Connect:
    name, level = cursor.octets(cursor.number(2)), cursor.number(1)
    if name not in (b"MQTT", b"MQIsdp"):
        raise ProtocolError("a CONNECT of a protocol that is not MQTT")
    if (name, level) != (b"MQTT", _LEVEL):
        raise WrongProtocolError(f"MQTT of level {level}; level {_LEVEL} (3.1.1) is spoken here")
    flags, keepalive = cursor.number(1), cursor.number(2)
    _check_connect_flags(flags)
    client_id = cursor.text()
    will = Will(cursor.text(), cursor.octets(cursor.number(2)), bool(flags & 0x20)) if flags & 0x04 else None
    user_name = cursor.text() if flags & 0x80 else ""
    password = cursor.text() if flags & 0x40 else ""
    return Connect(client_id, bool(flags & 0x02), keepalive, will, user_name, password)


def _check_connect_flags(flags: int) -> None:
    without_will = not flags & 0x04
    if flags & 0x01 or (without_will and flags & 0x38) or flags & 0x18 == 0x18:
        raise ProtocolError("CONNECT flags that contradict each other")  # [MQTT-3.1.2-3, -13, -14]
    if flags & 0x40 and not flags & 0x80:
        raise ProtocolError("a CONNECT with a password and no user name")  # [MQTT-3.1.2-22]


def _subscribe(cursor: _Cursor) -> Subscribe:
    packet_id = cursor.packet_id()
    filters = [(cursor.text(), cursor.number(1))]
    while not cursor.at_end():
        filters.append((cursor.text(), cursor.number(1)))
        _check_filters(len(filters))
    if any(qos > 2 for _, qos in filters):
        raise ProtocolError("a SUBSCRIBE of a QoS above 2")
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(cursor: _Cursor) -> Unsubscribe:
    packet_id = cursor.packet_id()
    filters = [cursor.text()]
    while not cursor.at_end():
        filters.append(cursor.text())
        _check_filters(len(filters))
    return Unsubscribe(packet_id, tuple(filters))


def _check_filters(count: int) -> None:
    if count > MOST_FILTERS:
        raise ProtocolError(f"more than {MOST_FILTERS} topics in one packet")


def _text(octets: bytes | bytearray) -> str:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise ProtocolError("text that is not UTF-8") from None
    if "\0" in text:
        raise ProtocolError("text with a NUL in it")  # [MQTT-1.5.3-2]
    return text


def _packet_id(number: int) -> int:
    if not number:
        raise ProtocolError("packet identifier 0")  # [MQTT-2.3.1-1]
    return number


# What a device may send: the fixed flags of each type, and how its body is read.
_FLAGS = {1: 0, 4: 0, 8: 2, 10: 2, 12: 0, 14: 0}
_READERS: dict[int, Callable[[_Cursor], Packet]] = {
    1: _connect,
    4: lambda cursor: Puback(cursor.packet_id()),
    8: _subscribe,
    10: _unsubscribe,
    12: lambda _: Pingreq(),
    14: lambda _: Disconnect(),
}
