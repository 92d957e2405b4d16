"""All connections of one hub: how many there may be, whose time is over, and their end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pi_auto.hub.services import Services

if TYPE_CHECKING:
    from pi_auto.hub.connection import Connection


@dataclass(slots=True)
class Connections:
    """All connections of one hub, bounded in number."""

    services: Services
    most: int
    connect_timeout: float  # seconds to a complete CONNECT
    all: set[Connection] = field(default_factory=set)

    def sweep(self, now: float) -> None:
        """End those whose time is over; `now` on the loop's clock."""
        for connection in [each for each in self.all if each.deadline <= now]:
            connection.overdue(now)

    def close(self) -> None:
        """The hub stops: nobody's will is published for that."""
        for connection in list(self.all):
            connection.session.end(clean=True)

    def abort(self) -> None:
        """Cut what is still open."""
        for connection in list(self.all):
            connection.abort()
