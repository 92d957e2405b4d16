"""Reads the hub's events from Azure's Event Hubs and books them; the checkpoint moves in the transaction that books.

Several servers share the partitions. Killed anywhere, whoever reads the partition next begins
behind the last event booked: nothing is lost, and what comes twice is known by its number.
An event that cannot be booked is noted and passed by.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azure.eventhub import EventData, EventHubConsumerClient
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from pi_auto.server.links.arrivals import Delivery, device_of, event_of
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.checkpoints import BookedCheckpoints, Partition, booked_through, move_checkpoint
from pi_auto.server.links.events import book_event
from pi_auto.server.scans.booking import Way, note_refusal
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Busy, Writer
from pi_auto.wire.errors import FieldError

_TOGETHER = 200  # events in one job
_WRITE_TIMEOUT = 60.0  # seconds
_AGAIN_AFTER = 0.5  # seconds
_LAST_GROUP = 1.0  # seconds for it when the server stops
_PASSING = (Busy, OperationalError, TimeoutError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from. The connection string is a secret and is in no repr."""

    connection_string: str
    consumer_group: str = "$Default"
    balance_every: float = 10.0  # seconds between looks at who reads which partition

    def __repr__(self) -> str:
        return f"Source(consumer_group={self.consumer_group!r})"


class Ingest:
    """Books the events of `source` from a thread of its own, until it is closed."""

    def __init__(self, source: Source, store: Store, writer: Writer) -> None:
        self._source, self._store, self._writer = source, store, writer
        self._stopping = threading.Event()
        self._client: EventHubConsumerClient | None = None
        self._thread = threading.Thread(target=self._run, name="hub-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the group that is being booked, without waiting for it."""
        self._stopping.set()
        if client := self._client:
            threading.Thread(target=client.close, name="hub-events-end", daemon=True).start()

    def close(self) -> None:
        """Stop, and wait a moment."""
        self.stop()
        self._thread.join(_LAST_GROUP)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._receive()
            except Exception as error:  # noqa: BLE001 - whatever it was, the events must go on
                _log.warning("the hub's events cannot be read: %s: %s", type(error).__name__, error)
            self._stopping.wait(_AGAIN_AFTER)

    def _receive(self) -> None:
        """Read until the client is closed. Its own retries are off: what failed begins anew at the checkpoint."""
        self._client = EventHubConsumerClient.from_connection_string(
            self._source.connection_string,
            self._source.consumer_group,
            checkpoint_store=BookedCheckpoints(self._store, self._writer),
            load_balancing_interval=self._source.balance_every,
            retry_total=0,
        )
        with self._client as client:
            client.receive_batch(
                self._take, max_batch_size=_TOGETHER, max_wait_time=None, on_error=_tell, starting_position="-1"
            )

    def _take(self, context: Any, events: Sequence[EventData]) -> None:
        """Book a batch. Raising makes the client close the partition and begin it again at its checkpoint."""
        partition = Partition(
            context.fully_qualified_namespace, context.eventhub_name, context.consumer_group, context.partition_id
        )
        if self._stopping.is_set():
            raise HubUnavailable("the server stops")
        if events:
            self.book(partition, events)

    def book(self, partition: Partition, events: Sequence[EventData]) -> None:
        """Book a group, event by event if it fails as a whole."""
        try:
            self._commit(partition, events)
        except _PASSING:
            raise
        except Exception:  # noqa: BLE001 - our own fault: each event shows alone whether it is its
            _log.exception("a group of %d events cannot be booked, trying each alone", len(events))
            for event in events:
                self._book_alone(partition, event)

    def _book_alone(self, partition: Partition, event: EventData) -> None:
        try:
            self._commit(partition, [event])
        except _PASSING:
            raise
        except Exception as error:  # noqa: BLE001 - our own fault: kept for a person, and passed by
            self._commit(partition, [event], f"the server failed on it: {type(error).__name__}: {error}")

    def _commit(self, partition: Partition, events: Sequence[EventData], fault: str = "") -> None:
        def job(connection: Connection) -> None:
            now, through = datetime.now(UTC), booked_through(connection, partition)
            for event in events:
                if event.sequence_number > through:
                    _book(connection, delivery_of(event), fault, now)
            last = events[-1]
            move_checkpoint(connection, partition, last.sequence_number, str(last.offset))

        self._writer.submit(job).result(_WRITE_TIMEOUT)


def delivery_of(event: EventData) -> Delivery:
    """The library's event as plain values."""
    at = event.enqueued_time
    return Delivery(
        sequence_number=event.sequence_number,
        enqueued_at=at.isoformat().replace("+00:00", "Z") if at else "",
        system_properties=event.system_properties,
        properties=event.properties or {},
        body=_body(event),
    )


def _body(event: EventData) -> bytes:
    """The octets of the body; none for one that is not octets, which no device can send."""
    body = event.body
    return body if isinstance(body, bytes) else b"".join(part for part in body if isinstance(part, bytes))


def _book(connection: Connection, delivery: Delivery, fault: str, now: datetime) -> None:
    try:
        if fault:
            raise FieldError("event", fault, "one that can be booked")
        if event := event_of(delivery):
            book_event(connection, event, now)
    except FieldError as error:
        reason = fault or str(error)
        note_refusal(connection, device_of(delivery), Way.HUB, f"event {delivery.sequence_number}: {reason}", now)


def _tell(_: Any, error: Exception) -> None:
    _log.warning("the hub's events: %s: %s", type(error).__name__, error)
