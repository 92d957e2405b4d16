"""Takes the bytes of one connection apart into packets, however they are cut.

Whatever comes in, only ProtocolError comes out, and no more than `most` bytes of one
packet are ever kept: a caller sets it low until the device has proved who it is.
"""

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
_PUBLISH = 3
_LEVEL = 4  # MQTT 3.1.1


class Parser:
    """An incremental parser: `feed` bytes, then take packets with `next` until there is none."""

    __slots__ = ("_buffer", "_start", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._buffer: bytes | bytearray = b""
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Add what came from the network; it is copied only if it goes on with a packet that is not whole."""
        if self._start == len(self._buffer):
            self._buffer, self._start = data, 0
            return
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    def next(self) -> Packet | None:
        """The next whole packet, if there is one yet."""
        buffer, start = self._buffer, self._start
        if start == len(buffer):
            self._wait()
            return None
        kind = _checked_kind(buffer[start])
        body = self._body()
        if body is None or len(buffer) < body[1]:
            self._wait()
            return None
        begin, end = body
        self._start = end
        if kind == _PUBLISH:
            return _publish(buffer[start], buffer, begin, end)
        return _whole(kind, bytes(buffer[begin:end]))

    def _wait(self) -> None:
        """Keep nothing but what has come of the next packet: there may be ten thousand who wait."""
        if self._start:
            self._buffer, self._start = self._buffer[self._start :], 0

    def _body(self) -> tuple[int, int] | None:
        """Where the body begins and ends, once its length is complete. Raises ProtocolError if it is too long."""
        buffer, place, length = self._buffer, self._start + 1, 0
        for shift in (0, 7, 14, 21):
            if place == len(buffer):
                return None
            octet = buffer[place]
            place += 1
            length |= (octet & 0x7F) << shift
            if octet < 0x80:
                if length > self.most:
                    raise ProtocolError(f"a packet of {length} bytes; at most {self.most} are taken here")
                return place, place + length
        raise ProtocolError("a packet length of more than four bytes")


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


def _checked_kind(octet: int) -> int:
    kind, flags = octet >> 4, octet & 0x0F
    if kind != _PUBLISH and _FLAGS.get(kind) != flags:
        raise ProtocolError(f"a packet of type {kind} with flags {flags}, which a device never sends")
    return kind


def _whole(kind: int, body: bytes) -> Packet:
    cursor = _Cursor(body)
    packet = _READERS[kind](cursor)
    if not cursor.at_end():
        raise ProtocolError("a packet with bytes after its last field")
    return packet


def _publish(first: int, buffer: bytes | bytearray, begin: int, end: int) -> Publish:
    """By hand, without a cursor or a copy of the body: this is what a hub reads all day."""
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
