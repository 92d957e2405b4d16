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
from pi_auto.hub.deadline import Deadline
from pi_auto.hub.inflow import Inflow
from pi_auto.hub.mqtt.packets import ProtocolError, ReturnCode, WrongProtocolError, connack
from pi_auto.hub.mqtt.parser import Parser
from pi_auto.hub.sessions.session import Session

UNPROVED_PACKET = 8 * 1024  # bytes; a CONNECT with a token is far below 1 KB
_CLOSING_TIME = 5.0  # seconds in which a closing peer may take what is left for it
_MOST_OUTPUT = 64 * 1024  # bytes that wait for the peer before it is read from again


class Connection(asyncio.Protocol):
    """One TCP connection and the session on it; an Outlet to the session."""

    __slots__ = (
        "_all", "_deadline", "_inflow", "_loop", "_output", "_peer", "_transport", "session",
    )  # fmt: skip

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._loop = asyncio.get_running_loop()
        services = connections.services
        self.session = Session(services, self)
        self._inflow = Inflow(self.session, services.log, Parser(UNPROVED_PACKET), self._refuse)
        self._output: list[bytes] = []
        self._deadline = Deadline(self._loop.time(), connections.connect_timeout)
        self._peer = "?"

    @property
    def deadline(self) -> float:
        """When it is over unless something is heard, on the loop's clock."""
        return self._deadline.at

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, if there is room for one more."""
        self._transport = cast("asyncio.Transport", transport)
        self._inflow.begin(self._transport)
        self._transport.set_write_buffer_limits(high=_MOST_OUTPUT)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else "?"
        if not self._all.add(self):
            self._complain(f"the hub has its {self._all.most} connections; this one is turned away")
            self._inflow.closed = True
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Add to what waits to be understood."""
        if self._inflow.closed:
            return
        if self.session.online:
            self._deadline.hear(self._loop.time())
        self._inflow.take(data)

    def eof_received(self) -> None:
        """The peer sends no more: the transport closes."""

    def connection_lost(self, _: Exception | None) -> None:
        """It is gone; a device that did not say good-bye leaves its will."""
        self._inflow.closed = True
        self._all.discard(self)
        self.session.end(clean=False)

    def pause_writing(self) -> None:
        """The peer does not read its answers, so it asks nothing more."""
        self._inflow.room.writable = False
        self._inflow.pause()

    def resume_writing(self) -> None:
        """It has read them."""
        self._inflow.room.writable = True
        self._inflow.read_on()

    # What the session calls.

    @property
    def backed_up(self) -> bool:
        """Whether the peer does not read what it is sent."""
        return not self._inflow.room.writable

    def rest(self, seconds: float) -> None:
        """Read nothing more of the peer for so long: it is faster than it may be."""
        if not self._inflow.room.resting:
            self._inflow.room.resting = True
            self._loop.call_later(seconds, self._rested)

    def send(self, data: bytes) -> None:
        """Send at the end of this turn, together with whatever else is due by then."""
        if self._inflow.closed or not data:
            return
        if not self._output:
            self._all.flush_soon(self)
        self._output.append(data)

    def close(self) -> None:
        """Send what is due and close; the peer has a little time to take it."""
        if self._inflow.closed:
            return
        self.flush()
        self._inflow.closed = True
        self._deadline.begin(self._loop.time(), _CLOSING_TIME)
        self._transport.close()

    def admitted(self, most_packet: int, silence: float, until: int) -> None:
        """The device proved itself."""
        self._all.proved(self)
        self._inflow.parser.most = most_packet
        now, good_for = self._loop.time(), min(max(0, until - int(time.time())), 10 * 365 * 86400)
        self._deadline.begin(now, silence, now + good_for)

    def hold(self, weight: int) -> None:
        """Something of the peer's is under way."""
        self._inflow.room.under_way += weight

    def release(self, weight: int) -> None:
        """It is done; there may be room to read on."""
        self._inflow.room.under_way -= weight
        if self._inflow.paused:
            self._inflow.read_on()

    # What the sweep and the hub call.

    def overdue(self, now: float) -> None:
        """End it: too long silent, too long in closing, or its token has run out."""
        if self._inflow.closed:
            self.abort()
            return
        run_out = self._deadline.has_run_out(now)
        if not run_out and self._inflow.paused and self._inflow.room.awaits_the_hub:
            self._deadline.hear(now)  # it is the hub that does not read
            return
        if run_out:
            self._complain("its token has run out")
        elif not self.session.online:
            self._complain(f"no CONNECT within {self._deadline.silence:.0f} s")
        self.session.end(clean=False)

    def turn_out(self) -> None:
        """A stranger makes way for whoever comes next."""
        self._complain(f"the hub has its {self._all.most} connections; those that prove nothing make way")
        self._inflow.closed = True
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
        if self._output and not self._inflow.closed:
            data = b"".join(self._output)
            self._output.clear()
            self._transport.write(data)

    def _rested(self) -> None:
        self._inflow.room.resting = False
        self._deadline.hear(self._loop.time())  # it was the hub that did not read
        self._inflow.read_on()

    def _refuse(self, error: ProtocolError) -> None:
        if self.session.device_id:
            self._complain(f"closed for {error}")
        else:
            self._complain("closed before it proved who it is", str(error))
        if isinstance(error, WrongProtocolError):
            self.send(connack(ReturnCode.WRONG_PROTOCOL))
        self.session.end(clean=False)

    def _complain(self, cause: str, detail: str = "") -> None:
        self._all.services.complaints.say(self.session.device_id or self._peer, cause, detail)
