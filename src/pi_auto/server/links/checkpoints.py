"""azure-eventhub's checkpoint store over the server's own books: who reads which partition, and how far.

Claims are compare-and-swap by etag, so that of two servers that claim at once one gets the
partition. A checkpoint only ever moves forward: a server that has lost its partition and does
not know yet cannot move it back.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from azure.eventhub.aio import CheckpointStore
from sqlalchemy import Connection, Select, Table, insert, select, update

from pi_auto.server.links.incarnation import ConsumerGroup, note_incarnation
from pi_auto.server.links.partitions import Partition, is_row_of, move_checkpoint
from pi_auto.server.links.tables import eventhub_checkpoints, eventhub_ownerships
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer

T = TypeVar("T")
_WRITE_TIMEOUT = 60.0  # seconds


class BookedCheckpoints(CheckpointStore):
    """The store that the consumer client is given."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[dict[str, Any]]:
        """Who reads which partition."""
        rows = await self._rows(eventhub_ownerships, fully_qualified_namespace, eventhub_name, consumer_group)
        return [_named(row) | {"owner_id": row.owner, "etag": row.etag, "last_modified_time": row.modified}
                for row in rows]  # fmt: skip

    async def claim_ownership(
        self, ownership_list: Iterable[dict[str, Any]], **_: Any
    ) -> Iterable[dict[str, Any]]:
        """Those of the claims that hold, each with its new etag; the rest are somebody else's by now."""
        wanted = list(ownership_list)
        return await self._written(lambda books: _claim(books, wanted))

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[dict[str, Any]]:
        """How far each partition is booked."""
        rows = await self._rows(eventhub_checkpoints, fully_qualified_namespace, eventhub_name, consumer_group)
        return [_named(row) | {"sequence_number": row.sequence_number, "offset": row.offset} for row in rows]

    async def update_checkpoint(self, checkpoint: dict[str, Any], **_: Any) -> None:
        """Part of the interface; events are booked by a job that moves it itself, with `move_checkpoint`."""
        number, offset = int(checkpoint["sequence_number"]), str(checkpoint["offset"])
        key = _key(checkpoint)
        await self._written(lambda books: move_checkpoint(books, key, number, offset))

    async def note_incarnation(self, group: ConsumerGroup, made_at: datetime) -> None:
        """The event hub was made then; checkpoints of another one that had its name are forgotten."""
        await self._written(lambda books: note_incarnation(books, group, made_at))

    def release_all(self) -> None:
        """Nobody reads anything: right at the start of a server whose books nobody else can have.

        What a killed one has left would keep its successor waiting.
        """
        self._writer.submit(_release_all).result(_WRITE_TIMEOUT)

    async def _written(self, job: Callable[[Connection], T]) -> T:
        return await asyncio.wait_for(asyncio.wrap_future(self._writer.submit(job)), _WRITE_TIMEOUT)

    async def _rows(self, table: Table, *of: str) -> list[Any]:
        names = ("namespace", "eventhub", "consumer_group")
        query = select(table).where(*(table.c[name] == value for name, value in zip(names, of, strict=True)))
        return await asyncio.to_thread(self._read, query)

    def _read(self, query: Select[Any]) -> list[Any]:
        with self._store.engine.connect() as connection:
            return list(connection.execute(query))


def _claim(connection: Connection, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [claimed for claim in wanted if (claimed := _claim_one(connection, claim))]


def _claim_one(connection: Connection, claim: dict[str, Any]) -> dict[str, Any] | None:
    table, key = eventhub_ownerships, _key(claim)
    values = {"owner": claim["owner_id"], "etag": str(uuid.uuid4()), "modified": time.time()}
    found = connection.execute(select(table.c.etag).where(is_row_of(table, key))).scalar()
    if found is None:
        connection.execute(insert(table).values(**key._asdict(), **values))
    elif found == claim.get("etag"):
        connection.execute(update(table).where(is_row_of(table, key)).values(values))
    else:
        return None
    return claim | {"etag": values["etag"], "last_modified_time": values["modified"]}


def _release_all(connection: Connection) -> None:
    connection.execute(update(eventhub_ownerships).values(owner=""))


def _key(said: dict[str, Any]) -> Partition:
    return Partition(
        said["fully_qualified_namespace"], said["eventhub_name"], said["consumer_group"], said["partition_id"]
    )


def _named(row: Any) -> dict[str, Any]:
    return {
        "fully_qualified_namespace": row.namespace,
        "eventhub_name": row.eventhub,
        "consumer_group": row.consumer_group,
        "partition_id": row.partition,
    }
