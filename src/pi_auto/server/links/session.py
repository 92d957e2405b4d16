"""One client of Event Hubs, from its connecting until something is wrong with it.

azure-eventhub waits for ever for a hub that stands still, and keeps errors to itself that come
while it opens a partition. So whatever it says, the hub is asked now and then, and a partition
has to show that it is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.exceptions import EventHubError

from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.links.checkpoints import BookedCheckpoints
from pi_auto.server.links.eventhub import Source, connected, delivery_of
from pi_auto.server.links.incarnation import ConsumerGroup
from pi_auto.server.links.partitions import Partition, PartitionBooks
from pi_auto.server.links.reading import Pulses, Reading, is_stolen
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer

_TOGETHER = 200  # events in one job
_BEATS = 2.0  # looks in which a partition that is read shows it four times


class Session:
    """To be read once; whoever reads on begins another one, at the checkpoints."""

    def __init__(self, source: Source, store: Store, writer: Writer, reading: Reading) -> None:
        self._source, self._reading = source, reading
        self._checkpoints = BookedCheckpoints(store, writer)
        self._books = PartitionBooks(writer)
        self.went_well = False  # as soon as a partition is read
        self._pulses = Pulses(_BEATS * source.balance_every)
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self) -> None:
        """Read until the hub cannot be read any more; raises why."""
        async with connected(self._source, self._checkpoints) as client:
            await self._begin_anew_if_new(await self._ask(client))
            reading = asyncio.create_task(self._receive(client))
            try:
                await self._watch(client, reading)
            finally:
                reading.cancel()
                await asyncio.wait({reading}, timeout=self._source.silence)
                for ended in (reading, self._broken):
                    if ended.done() and not ended.cancelled():
                        ended.exception()  # seen; else the event loop would log it

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

    async def _ask(self, client: EventHubConsumerClient) -> dict[str, Any]:
        """Ask the hub what it is; TimeoutError when there is no answer."""
        async with asyncio.timeout(self._source.silence / 2):
            about: dict[str, Any] = await client.get_eventhub_properties()
            return about

    async def _begin_anew_if_new(self, about: dict[str, Any]) -> None:
        events = self._source.events
        group = ConsumerGroup(events.namespace, events.eventhub, self._source.consumer_group)
        await self._checkpoints.note_incarnation(group, about["created_at"])

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
