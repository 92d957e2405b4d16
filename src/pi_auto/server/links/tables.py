"""How far the hub's events are in the books; moved in the transaction that books them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from pi_auto.server.store.columns import metadata

cursors = Table(
    "cursors",
    metadata,
    Column("source", String(64), primary_key=True),  # "local", or a hub's partition
    Column("through", BigInteger, nullable=False),
    Column("last", String(255)),  # what the event of that number was: the same number of another log is another
)
