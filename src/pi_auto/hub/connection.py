"""The bytes of one MQTT connection: how many may be under way, how long it may be silent, when it ends.

Everything a peer can make the hub keep is bounded here: what is read stops while too much
of its own waits for the disk, or while it does not read its answers. A peer that has not
proved who it is gets a few seconds and small packets.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

from pi_auto.hub.connections import Connections
from pi_auto.hub.mqtt.packets import ProtocolError, ReturnCode, WrongProtocolError, connack
from pi_auto.hub.mqtt.parser import Parser
from pi_auto.hub.sessions.session import Session

UNPROVED_PACKET = 8 * 1024  # bytes; a CONNECT with a token is far below 1 KB
_CLOSING_TIME = 5.0  # seconds in which a closing peer may take what is left for it
_MOST_UNDER_WAY = 1024 * 1024  # weight; see Session
_MOST_PACKETS = 256  # in one turn, so that a flood leaves the others theirs
_MOST_OUTPUT = 64 * 1024  # bytes that wait for the peer before it is read from again
_NEVER = float("inf")


class Connection(asyncio.Protocol):
    """One TCP connection and the session on it; an Outlet to the session."""

    __slots__ = (
        "_all", "_closing", "_heard", "_loop", "_output", "_parser", "_paused", "_peer", "_reading_on", "_resting",
        "_silence", "_transport", "_under_way", "_until", "_writable", "session",
    )  # fmt: skip

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._loop = asyncio.get_running_loop()
        self._parser = Parser(UNPROVED_PACKET)
        self.session = Session(connections.services, self)
        self._output: list[bytes] = []
        self._under_way = 0
        self._paused = self._closing = self._reading_on = self._resting = False
        self._writable = True
        self._heard, self._silence = self._loop.time(), connections.connect_timeout
        self._until = _NEVER
        self._peer = "?"

    @property
    def deadline(self) -> float:
        """When it is over unless something is heard, on the loop's clock."""
        return min(self._heard + self._silence, self._until)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, if there is room for one more."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MOST_OUTPUT)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else "?"
        if not self._all.add(self):
            self._complain(f"the hub has its {self._all.most} connections; this one is turned away")
            self._closing = True
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Add to what waits to be understood."""
        if self._closing:
            return
        if self.session.online:
            self._heard = self._loop.time()
        self._parser.feed(data)
        self._work()

    def eof_received(self) -> None:
        """The peer sends no more: the transport closes."""

    def connection_lost(self, _: Exception | None) -> None:
        """It is gone; a device that did not say good-bye leaves its will."""
        self._closing = True
        self._all.discard(self)
        self.session.end(clean=False)

    def pause_writing(self) -> None:
        """The peer does not read its answers, so it asks nothing more."""
        self._writable = False
        self._pause()

    def resume_writing(self) -> None:
        """It has read them."""
        self._writable = True
        self._read_on()

    # What the session calls.

    @property
    def backed_up(self) -> bool:
        """Whether the peer does not read what it is sent."""
        return not self._writable

    def rest(self, seconds: float) -> None:
        """Read nothing more of the peer for so long: it is faster than it may be."""
        if not self._resting:
            self._resting = True
            self._loop.call_later(seconds, self._rested)

    def send(self, data: bytes) -> None:
        """Send at the end of this turn, together with whatever else is due by then."""
        if self._closing or not data:
            return
        if not self._output:
            self._all.flush_soon(self)
        self._output.append(data)

    def close(self) -> None:
        """Send what is due and close; the peer has a little time to take it."""
        if self._closing:
            return
        self.flush()
        self._closing = True
        self._heard, self._silence, self._until = self._loop.time(), _CLOSING_TIME, _NEVER
        self._transport.close()

    def admitted(self, most_packet: int, silence: float, until: int) -> None:
        """The device proved itself."""
        self._all.proved(self)
        self._parser.most = most_packet
        self._heard, self._silence = self._loop.time(), silence
        good_for = min(max(0, until - int(time.time())), 10 * 365 * 86400)
        self._until = self._loop.time() + good_for

    def hold(self, weight: int) -> None:
        """Something of the peer's is under way."""
        self._under_way += weight

    def release(self, weight: int) -> None:
        """It is done; there may be room to read on."""
        self._under_way -= weight
        if self._paused:
            self._read_on()

    # What the sweep and the hub call.

    def overdue(self, now: float) -> None:
        """End it: too long silent, too long in closing, or its token has run out."""
        if self._closing:
            self.abort()
            return
        if now < self._until and self._paused and (self._under_way or self._resting):
            self._heard = now  # it is the hub that does not read
            return
        if now >= self._until:
            self._complain("its token has run out")
        elif not self.session.online:
            self._complain(f"no CONNECT within {self._silence:.0f} s")
        self.session.end(clean=False)

    def turn_out(self) -> None:
        """A stranger makes way for whoever comes next."""
        self._complain(f"the hub has its {self._all.most} connections; those that prove nothing make way")
        self._closing = True
        self._all.discard(self)
        self._transport.abort()

    def hang_up(self) -> None:
        """The hub stops: nobody's will is published for that."""
        self.session.end(clean=True)

    def abort(self) -> None:
        """Cut it, whatever it still has to be sent."""
        self._transport.abort()

    def flush(self) -> None:
        """Send what is due, in one piece."""
        if self._output and not self._closing:
            data = b"".join(self._output)
            self._output.clear()
            self._transport.write(data)

    def _rested(self) -> None:
        self._resting = False
        self._heard = self._loop.time()  # it was the hub that did not read
        self._read_on()

    def _work(self) -> None:
        """Understand what has come, as long as there is room for what it asks, one fair turn at a time."""
        try:
            for _ in range(_MOST_PACKETS):
                if self._is_full():
                    self._pause()
                    return
                packet = self._parser.next()
                if packet is None:
                    return
                self.session.handle(packet)
                if self._closing:
                    return
        except ProtocolError as error:
            self._refuse(error)
            return
        finally:
            self.session.turn_over()
        self._pause()
        self._read_on()

    def _refuse(self, error: ProtocolError) -> None:
        if self.session.device_id:
            self._complain(f"closed for {error}")
        else:
            self._complain("closed before it proved who it is", str(error))
        if isinstance(error, WrongProtocolError):
            self.send(connack(ReturnCode.WRONG_PROTOCOL))
        self.session.end(clean=False)

    def _is_full(self) -> bool:
        if not self._writable or self._resting or self._under_way > _MOST_UNDER_WAY:
            return True
        return self._under_way > 0 and self._all.services.log.congested

    def _pause(self) -> None:
        if not self._paused and not self._closing:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        """Go on in a turn of its own with what is there already, then with what comes."""
        if self._paused and not self._reading_on and not self._closing and not self._is_full():
            self._reading_on = True
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._reading_on = self._paused = False
        if self._closing:
            return
        self._work()
        if not self._paused and not self._closing:
            self._transport.resume_reading()

    def _complain(self, cause: str, detail: str = "") -> None:
        self._all.services.complaints.say(self.session.device_id or self._peer, cause, detail)
