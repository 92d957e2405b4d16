"""All connections of one hub: how many there may be, whose time is over, and their end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from pi_auto.hub.services import Services


class Connection(Protocol):
    """One of them, as it is seen from here."""

    @property
    def deadline(self) -> float:
        """When its time is over, on the loop's clock."""

    def flush(self) -> None:
        """Send what is due."""

    def overdue(self, now: float) -> None:
        """Its time is over."""

    def turn_out(self) -> None:
        """End it, for another's sake."""

    def hang_up(self) -> None:
        """The hub stops: end it without its will."""

    def abort(self) -> None:
        """Cut it."""


@dataclass(slots=True)
class Connections:
    """All connections of one hub, bounded in number."""

    services: Services
    most: int
    connect_timeout: float  # seconds to a complete CONNECT
    all: set[Connection] = field(default_factory=set)
    unproved: dict[Connection, None] = field(default_factory=dict)  # the oldest first
    _due: list[Connection] = field(default_factory=list)

    def flush_soon(self, connection: Connection) -> None:
        """Send what is due on a connection at the end of this turn, after those that asked before."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._flush)
        self._due.append(connection)

    def _flush(self) -> None:
        due, self._due = self._due, []
        for connection in due:
            connection.flush()

    def add(self, connection: Connection) -> bool:
        """Take a connection up, if there is room: a stranger that has not proved itself makes way for the next."""
        if len(self.all) >= self.most:
            if not self.unproved:
                return False
            next(iter(self.unproved)).turn_out()
        self.all.add(connection)
        self.unproved[connection] = None
        return True

    def proved(self, connection: Connection) -> None:
        """The device on it has proved itself."""
        self.unproved.pop(connection, None)

    def discard(self, connection: Connection) -> None:
        """It is gone."""
        self.all.discard(connection)
        self.unproved.pop(connection, None)

    def sweep(self, now: float) -> None:
        """End those whose time is over; `now` on the loop's clock."""
        for connection in [each for each in self.all if each.deadline <= now]:
            connection.overdue(now)

    def close(self) -> None:
        """The hub stops: nobody's will is published for that."""
        for connection in list(self.all):
            connection.hang_up()

    def abort(self) -> None:
        """Cut what is still open."""
        for connection in list(self.all):
            connection.abort()
