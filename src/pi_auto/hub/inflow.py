"""What one peer sends: understood one fair turn at a time, and read no further than there is room for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pi_auto.hub.eventlog.log import EventLog
from pi_auto.hub.mqtt.packets import ProtocolError
from pi_auto.hub.mqtt.parser import Parser
from pi_auto.hub.room import Room
from pi_auto.hub.sessions.session import Session

_MOST_PACKETS = 256  # in one turn, so that a flood leaves the others theirs


class Inflow:
    """Hands `session` the packets of one peer; `broken` is told of one that breaks the rules.

    Nothing is done any more once it is `closed`. It is `paused` while nothing more is read.
    """

    __slots__ = ("_broken", "_log", "_reading_on", "_session", "_transport", "closed", "parser", "paused", "room")

    def __init__(
        self, session: Session, log: EventLog, parser: Parser, broken: Callable[[ProtocolError], None]
    ) -> None:
        self._session, self._log, self._broken = session, log, broken
        self.parser, self.room = parser, Room()
        self.closed = self.paused = self._reading_on = False
        self._transport: asyncio.Transport

    def begin(self, transport: asyncio.Transport) -> None:
        """The peer is there, and what it sends comes by this."""
        self._transport = transport

    def take(self, data: bytes) -> None:
        """Add to what waits to be understood."""
        self.parser.feed(data)
        self._work()

    def pause(self) -> None:
        """Read nothing more for now."""
        if not self.paused and not self.closed:
            self.paused = True
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Go on in a turn of its own with what is there already, then with what comes, if there is room."""
        if self.paused and not self._reading_on and not self.closed and not self._is_full():
            self._reading_on = True
            asyncio.get_running_loop().call_soon(self._resume)

    def _work(self) -> None:
        """Understand what has come, as long as there is room for what it asks, one fair turn at a time."""
        try:
            for _ in range(_MOST_PACKETS):
                if self._is_full():
                    self.pause()
                    return
                packet = self.parser.next()
                if packet is None:
                    return
                self._session.handle(packet)
                if self.closed:
                    return
        except ProtocolError as error:
            self._broken(error)
            return
        finally:
            self._session.turn_over()
        self.pause()
        self.read_on()

    def _is_full(self) -> bool:
        return self.room.is_full or (self.room.under_way > 0 and self._log.congested)

    def _resume(self) -> None:
        self._reading_on = self.paused = False
        if self.closed:
            return
        self._work()
        if not self.paused and not self.closed:
            self._transport.resume_reading()
