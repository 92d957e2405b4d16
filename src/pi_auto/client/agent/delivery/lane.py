"""One destination's way through the spool: what is to be sent next, and how far all is settled.

The order of its two writes is its whole point: what cannot be delivered is set aside
first, the mark moves after, so that a power cut between them repeats and never forgets. What
comes out has the times it is to be sent with; what lies in the spool is never changed.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.clock import read_clock
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader, Unreadable
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Record

log = logging.getLogger("pi_auto.delivery")

Item = Record | Unreadable


@dataclass(frozen=True, slots=True)
class Stretch:
    """Items that follow each other in one spool."""

    spool: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a destination still has to get: how many records, and the age of the oldest in seconds."""

    waiting: int
    oldest_age: float | None

    def to_json(self) -> dict[str, float | None]:
        """The backlog as a heartbeat tells it."""
        age = None if self.oldest_age is None else round(self.oldest_age, 1)
        return {"waiting": self.waiting, "oldest_age_seconds": age}


class Lane:
    """The lane of `destination`. Marks and times may be shared between threads, the reader may not."""

    def __init__(
        self, destination: str, reader: SpoolReader, marks: Marks, times: Timekeeper | None = None
    ) -> None:
        self.destination = destination
        self._reader = reader
        self._marks = marks
        self._times = times
        # The server takes a time over when a scan comes again; the hub would only have it twice.
        self._repeats = destination == API

    def ahead(self, most: int, beyond: Position | None = None) -> Stretch:
        """At most `most` items after the mark, or after `beyond` if that is in the same spool.

        Raises SpoolUnavailable.
        """
        spool = self._reader.uuid()
        self._keep_time(spool)
        after = beyond.number if beyond and beyond.spool == spool else self._marks.through(self.destination, spool)
        items: Sequence[Item] = self._reader.read(after, most)
        if self._times:
            items = self._times.corrected(items, self._reader, repeatable=self._repeats)
        # The spool may have been replaced between the two questions; numbers of one mean nothing in the other.
        return Stretch(spool, tuple(items) if items and items[0].position.spool == spool else ())

    def _keep_time(self, spool: str) -> None:
        """Look at the clock, and once it is set go back to what was sent before its time was known."""
        if not self._times:
            return
        self._times.look()
        owed = self._times.due() if self._repeats else None
        if owed and self._has_gone_back(owed, spool):
            self._times.paid()

    def _has_gone_back(self, owed: Position, spool: str) -> bool:
        """Go back to what is owed; on a full disk later, so that what is new need not wait for that."""
        try:
            self.send_again(owed, Position(spool, self._marks.through(self.destination, spool)))
        except sqlite3.Error as error:
            log.warning("the times of barcodes that were sent before cannot be sent yet: %s", error)
            return False
        return True

    def oldest(self) -> int:
        """The lowest number that is still there."""
        return self._reader.oldest()

    def settle(self, position: Position) -> None:
        """Everything up to `position` has arrived or been set aside."""
        self._marks.advance(self.destination, position)

    def set_aside(self, item: Item, reason: str) -> None:
        """Keep an item that cannot be delivered where a person can see it."""
        body = item.body if isinstance(item, Unreadable) else json.dumps(item.to_json())
        self._marks.set_aside(self.destination, item.position, item.uuid, body, reason)

    def send_again(self, wanted: Position, sent: Position) -> bool:
        """Go back, so that `wanted` and all after it are sent again; False where that makes no sense."""
        target = Position(wanted.spool, max(wanted.number, self._reader.oldest()) - 1)
        if wanted.spool != sent.spool or target.number >= sent.number:
            return False
        self._marks.rewind(self.destination, target)
        return True

    def close(self) -> None:
        """Let go of the spool; to be called by the thread that has read it."""
        self._reader.close()

    def backlog(self) -> Backlog:
        """What the destination still has to get. Raises SpoolUnavailable."""
        return backlog(self.destination, self._reader, self._marks)

    def set_active(self, active: bool) -> None:
        """Whether this destination may hold records back from being pruned."""
        self._marks.set_active(self.destination, active)


def backlog(destination: str, reader: SpoolReader, marks: Marks) -> Backlog:
    """What `destination` still has to get. Raises SpoolUnavailable."""
    through = marks.through(destination, reader.uuid())
    return Backlog(max(0, reader.newest() - through), reader.oldest_age(through, read_clock()))
