"""Books the events of a partition of an event hub, their checkpoint moved in the transaction that books them.

What its number says is booked already is passed by, so that two servers that read one partition
for a moment book nothing twice. An event that cannot be booked is noted and passed by.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, insert, select, update
from sqlalchemy.exc import OperationalError

from pi_auto.server.links.arrivals import Delivery, device_of, event_of
from pi_auto.server.links.events import book_event
from pi_auto.server.links.tables import eventhub_checkpoints
from pi_auto.server.scans.booking import Way
from pi_auto.server.scans.refusals import note_refusal
from pi_auto.server.store.writer import Busy, Writer
from pi_auto.wire.errors import FieldError

_WRITE_TIMEOUT = 60.0  # seconds
_PASSING = (Busy, OperationalError, TimeoutError)
_log = logging.getLogger(__name__)


class Partition(NamedTuple):
    """A partition of an event hub as one consumer group reads it; also the key of both tables."""

    namespace: str
    eventhub: str
    consumer_group: str
    partition: str


class PartitionBooks:
    """Books groups of events; from any thread."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def book(self, partition: Partition, events: Sequence[Delivery]) -> None:
        """Book a group, event by event if it fails as a whole."""
        try:
            self._commit(partition, events)
        except _PASSING:
            raise
        except Exception:  # noqa: BLE001 - our own fault: each event shows alone whether it is its
            _log.exception("a group of %d events cannot be booked, trying each alone", len(events))
            for event in events:
                self._book_alone(partition, event)

    def _book_alone(self, partition: Partition, event: Delivery) -> None:
        try:
            self._commit(partition, [event])
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - our own fault: kept for a person, and passed by
            self._commit(partition, [event], f"the server failed on it: {type(error).__name__}: {error}")

    def _commit(self, partition: Partition, events: Sequence[Delivery], fault: str = "") -> None:
        def job(connection: Connection) -> None:
            now, through = datetime.now(UTC), booked_through(connection, partition)
            for event in events:
                if event.sequence_number > through:
                    _book(connection, event, fault, now)
            last = events[-1]
            move_checkpoint(connection, partition, last.sequence_number, last.offset)

        self._writer.submit(job).result(_WRITE_TIMEOUT)


def booked_through(connection: Connection, partition: Partition) -> int:
    """The sequence number of the last event booked; -1 before the first, since they start at 0."""
    query = select(eventhub_checkpoints.c.sequence_number).where(is_row_of(eventhub_checkpoints, partition))
    found = connection.execute(query).scalar()
    return -1 if found is None else int(found)


def move_checkpoint(connection: Connection, partition: Partition, number: int, offset: str) -> None:
    """Everything up to `number` is booked, unless more is already."""
    table, values = eventhub_checkpoints, {"sequence_number": number, "offset": offset}
    known = booked_through(connection, partition)
    if known < 0:
        connection.execute(insert(table).values(**partition._asdict(), **values))
    elif number > known:
        connection.execute(update(table).where(is_row_of(table, partition)).values(values))


def is_row_of(table: Table, key: Partition) -> ColumnElement[bool]:
    """The condition for the partition's row in a table."""
    return and_(*(table.c[name] == value for name, value in key._asdict().items()))


def _book(connection: Connection, delivery: Delivery, fault: str, now: datetime) -> None:
    reason = fault or _booked(connection, delivery, now)
    if reason:
        note_refusal(connection, device_of(delivery), Way.HUB, f"event {delivery.sequence_number}: {reason}", now)


def _booked(connection: Connection, delivery: Delivery, now: datetime) -> str:
    """Book it; why it cannot be read, where it cannot."""
    try:
        event = event_of(delivery)
    except FieldError as error:
        return str(error)
    if event:
        book_event(connection, event, now)
    return ""
