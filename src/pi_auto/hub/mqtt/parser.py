"""Takes the bytes of one connection apart into packets, however they are cut.

Whatever comes in, only ProtocolError comes out, and no more than `most` bytes of one
packet are ever kept: a caller sets it low until the device has proved who it is.
"""

from __future__ import annotations

from pi_auto.hub.mqtt.bodies import PUBLISH, checked_kind, packet_of, publish_of
from pi_auto.hub.mqtt.packets import Packet, ProtocolError


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
        kind = checked_kind(buffer[start])
        body = self._body()
        if body is None or len(buffer) < body[1]:
            self._wait()
            return None
        begin, end = body
        self._start = end
        if kind == PUBLISH:
            return publish_of(buffer[start], buffer, begin, end)
        return packet_of(kind, bytes(buffer[begin:end]))

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
