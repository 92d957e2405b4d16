"""Reads the hub's events from Azure's Event Hubs; the checkpoint moves in the transaction that books them.

Several servers share the partitions. Killed anywhere, whoever reads the partition next begins
behind the last event booked: nothing is lost, and what comes twice is known by its number.
An event that cannot be booked is noted and passed by.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure.eventhub import EventData, EventHubConsumerClient

from pi_auto.server.links.arrivals import Delivery
from pi_auto.server.links.azure.strings import EventsString
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.checkpoints import BookedCheckpoints
from pi_auto.server.links.partitions import Partition, PartitionBooks
from pi_auto.server.links.reading import Reading
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer

_TOGETHER = 200  # events in one job
_AGAIN_AFTER = 0.5  # seconds
_LAST_GROUP = 1.0  # seconds for it when the server stops
_LOOKS = 4  # at who reads what; one that has not been heard of for so many has lost its partitions
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from; `credential` (of azure-identity) where the string has no key."""

    events: EventsString
    consumer_group: str = "$Default"
    credential: Any = field(default=None, repr=False)
    balance_every: float = 5.0  # seconds between looks at who reads which partition
    silence: float = 60.0  # seconds without a frame, heartbeats included: the network has dropped the connection


class Ingest:
    """Books the events of `source` from a thread of its own, until it is closed."""

    def __init__(self, source: Source, store: Store, writer: Writer) -> None:
        self._source, self._store, self._writer = source, store, writer
        self._books = PartitionBooks(writer)
        self._reading = Reading(_LOOKS * source.balance_every)
        self._stopping = threading.Event()
        self._client: EventHubConsumerClient | None = None
        self._thread = threading.Thread(target=self._run, name="hub-events", daemon=True)
        self._thread.start()

    def state(self) -> bool | None:
        """Whether events are being read; None while that is not known."""
        return self._reading.state()

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
                self._reading.failed(error)
            self._stopping.wait(_AGAIN_AFTER)

    def _receive(self) -> None:
        """Read until the client is closed."""
        self._client = self._connect()
        with self._client as client:
            if self._stopping.is_set():  # `stop` came before there was a client to close
                return
            client.receive_batch(
                self._take,
                max_batch_size=_TOGETHER,
                max_wait_time=None,
                on_error=lambda _, error: self._reading.failed(error),
                on_partition_initialize=lambda _: self._reading.begin(),
                starting_position="-1",
            )

    def _connect(self) -> EventHubConsumerClient:
        """A client whose own retries are off: what failed begins anew at the checkpoint."""
        source = self._source
        options: dict[str, Any] = {
            "checkpoint_store": BookedCheckpoints(self._store, self._writer),
            "load_balancing_interval": source.balance_every,
            "partition_ownership_expiration_interval": _LOOKS * source.balance_every,
            "retry_total": 0,
            "idle_timeout": source.silence,
        }
        if source.events.has_key:
            text = source.events.text
            return EventHubConsumerClient.from_connection_string(text, source.consumer_group, **options)
        return EventHubConsumerClient(
            source.events.namespace, source.events.eventhub, source.consumer_group, source.credential, **options
        )

    def _take(self, context: Any, events: Sequence[EventData]) -> None:
        """Book a batch. Raising makes the client close the partition and begin it again at its checkpoint."""
        partition = Partition(
            context.fully_qualified_namespace, context.eventhub_name, context.consumer_group, context.partition_id
        )
        if self._stopping.is_set():
            raise HubUnavailable("the server stops")
        if events:
            self._books.book(partition, [delivery_of(event) for event in events])
            self._reading.arrived()


def delivery_of(event: EventData) -> Delivery:
    """The library's event as plain values."""
    at = event.enqueued_time
    return Delivery(
        sequence_number=event.sequence_number or 0,  # Event Hubs always names one
        offset=str(event.offset),
        enqueued_at=at.isoformat().replace("+00:00", "Z") if at else "",
        system_properties=event.system_properties,
        properties=event.properties or {},
        body=_body(event),
    )


def _body(event: EventData) -> bytes:
    """The octets of the body; none for one that is not octets, which no device can send."""
    body = event.body
    if isinstance(body, bytes):
        return body
    return b"".join(part for part in body if isinstance(part, bytes)) if isinstance(body, Iterable) else b""
