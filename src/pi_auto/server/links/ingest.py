"""Reads the hub's events from Azure's Event Hubs; the checkpoint moves in the transaction that books them.

Several servers share the partitions. Killed anywhere, whoever reads the partition next begins
behind the last event booked: nothing is lost, and what comes twice is known by its number.
An event that cannot be booked is noted and passed by.

azure-eventhub runs in an event loop of its own, on one thread. (Its other client turns a core's
worth of circles while it has no partition, and waits for ever for a hub that stands still.)
"""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.exceptions import EventHubError

from pi_auto.server.links.arrivals import Delivery
from pi_auto.server.links.azure.strings import EventsString
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.checkpoints import BookedCheckpoints
from pi_auto.server.links.partitions import Partition, PartitionBooks
from pi_auto.server.links.reading import Pulses, Reading, is_stolen
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer

_TOGETHER = 200  # events in one job
_LAST_GROUP = 1.0  # seconds for it when the server stops
_BEATS = 2.0  # looks in which a partition that is read shows it four times
_LOOKS = 4  # at who reads what; one that has not been heard of for so many has lost its partitions


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from. A string without a key means Entra ID."""

    events: EventsString
    consumer_group: str = "$Default"
    balance_every: float = 5.0  # seconds between looks at who reads which partition
    silence: float = 60.0  # seconds; whoever says nothing for so long is gone, whatever the network pretends


class Ingest:
    """Books the events of `source` from a thread of its own, until it is closed."""

    def __init__(self, source: Source, store: Store, writer: Writer) -> None:
        self._source, self._store, self._writer = source, store, writer
        self._reading = Reading(_LOOKS * source.balance_every)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._read_on())
        self._thread = threading.Thread(target=self._run, name="hub-events", daemon=True)
        self._thread.start()

    def state(self) -> bool | None:
        """Whether events are being read; None while that is not known."""
        return self._reading.state()

    def stop(self) -> None:
        """Stop after the group that is being booked, without waiting for it."""
        with suppress(RuntimeError):  # it has stopped already
            self._loop.call_soon_threadsafe(self._task.cancel)

    def close(self) -> None:
        """Stop, and wait a moment."""
        self.stop()
        self._thread.join(_LAST_GROUP)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _read_on(self) -> None:
        pause = self._source.balance_every
        while True:
            session = _Session(self._source, self._store, self._writer, self._reading)
            try:
                await session.read()
            except Exception as error:  # noqa: BLE001 - whatever it was, the events must go on
                self._reading.failed(error)
            pause = self._source.balance_every if session.went_well else min(2 * pause, self._source.silence)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret


class _Session:
    """One client, from its connecting until something is wrong; what comes after begins at the checkpoint."""

    def __init__(self, source: Source, store: Store, writer: Writer, reading: Reading) -> None:
        self._source, self._reading = source, reading
        self._checkpoints = BookedCheckpoints(store, writer)
        self._books = PartitionBooks(writer)
        self.went_well = False  # as soon as a partition is read
        self._pulses = Pulses(_BEATS * source.balance_every)
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self) -> None:
        """Read until the hub cannot be read any more; raises why."""
        async with _connected(self._source, self._checkpoints) as client:
            await self._ask(client)
            reading = asyncio.create_task(self._receive(client))
            try:
                await self._watch(client, reading)
            finally:
                reading.cancel()
                await asyncio.wait({reading}, timeout=self._source.silence)

    async def _watch(self, client: EventHubConsumerClient, reading: asyncio.Task[None]) -> None:
        asked = time.monotonic()
        while True:
            done, _ = await asyncio.wait({reading, self._broken}, timeout=self._source.balance_every,
                                         return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            for ended in done:
                await ended
                return
            if silent := self._pulses.silent():
                group = self._source.consumer_group
                raise HubUnavailable(
                    f"nothing comes from partition {' and '.join(silent)}; is there a consumer group {group}?"
                )
            if time.monotonic() - asked > self._source.silence:
                await self._ask(client)
                asked = time.monotonic()

    async def _ask(self, client: EventHubConsumerClient) -> None:
        """Any question; TimeoutError when there is no answer."""
        async with asyncio.timeout(self._source.silence / 2):
            await client.get_partition_ids()

    async def _receive(self, client: EventHubConsumerClient) -> None:
        await client.receive_batch(
            self._take,
            max_batch_size=_TOGETHER,
            max_wait_time=self._source.balance_every / 2,  # then an empty batch shows that it is read
            on_error=self._tell,
            on_partition_initialize=self._begin,
            on_partition_close=self._end,
            starting_position="-1",
        )

    async def _take(self, context: Any, events: Sequence[EventData]) -> None:
        """Book a batch. Raising makes the client close the partition and begin it again at its checkpoint."""
        partition = Partition(
            context.fully_qualified_namespace, context.eventhub_name, context.consumer_group, context.partition_id
        )
        self.went_well = True
        self._reading.goes_on()
        if events:
            self._pulses.leave(partition.partition)
            await asyncio.to_thread(self._books.book, partition, [delivery_of(event) for event in events])
            self._reading.arrived()
        self._pulses.beat(partition.partition)

    async def _begin(self, context: Any) -> None:
        self._pulses.beat(context.partition_id)

    async def _end(self, context: Any, _: Any) -> None:
        self._pulses.leave(context.partition_id)

    async def _tell(self, _: Any, error: Exception) -> None:
        """A partition was interrupted. Where it is the hub that is away, all are, and are begun anew together."""
        if isinstance(error, EventHubError) and not is_stolen(error):
            if not self._broken.done():
                self._broken.set_exception(error)
        else:
            self._reading.failed(error)


@asynccontextmanager
async def _connected(source: Source, checkpoints: BookedCheckpoints) -> AsyncIterator[EventHubConsumerClient]:
    """A client whose own retries are off."""
    events = source.events
    options: dict[str, Any] = {
        "consumer_group": source.consumer_group,
        "checkpoint_store": checkpoints,
        "load_balancing_interval": source.balance_every,
        "partition_ownership_expiration_interval": _LOOKS * source.balance_every,
        "retry_total": 0,
        "idle_timeout": source.silence,
        "ssl_context": ssl.create_default_context(),  # the system's authorities, or those of SSL_CERT_FILE
    }
    if events.has_key:
        async with EventHubConsumerClient.from_connection_string(events.text, **options) as client:
            yield client
        return
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - large, and few servers sign in so

    async with (
        DefaultAzureCredential() as credential,
        EventHubConsumerClient(events.namespace, events.eventhub, credential=credential, **options) as client,
    ):
        yield client


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
