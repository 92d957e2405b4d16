"""How far the hub's events are in the books; moved in the transaction that books them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, String, Table

from pi_auto.server.store.columns import metadata

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(64), primary_key=True),  # a local hub's log, or an event hub
    Column("through", BigInteger, nullable=False),
    Column("last", String(255)),  # what the event of that number was: the same number of another log is another
)


def _partition() -> list[Column[str]]:
    """What names a partition of an event hub as one group of consumers reads it."""
    lengths = {"namespace": 253, "eventhub": 256, "consumer_group": 256, "partition": 32}
    return [Column(name, String(length), primary_key=True) for name, length in lengths.items()]


eventhub_ownerships = Table(
    "eventhub_ownerships",
    metadata,
    *_partition(),
    Column("owner", String(64), nullable=False),  # the server that reads it; empty: nobody
    Column("etag", String(36), nullable=False),  # another one after each claim: of two claims at once one holds
    Column("modified", Float, nullable=False),  # Unix seconds, by the clock of these books' server
)

eventhub_checkpoints = Table(
    "eventhub_checkpoints",
    metadata,
    *_partition(),
    Column("sequence_number", BigInteger, nullable=False),  # of the last event booked
    Column("offset", String(64), nullable=False),  # where Event Hubs finds that event
)
