"""The audit trail."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, String, Table

from pi_auto.server.store.columns import Moment, RowNumber, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor", String(128), nullable=False),  # an operator's token or session, a device, the server itself
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False, index=True),  # a device id, a token's name
    Column("outcome", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("address", String(64)),  # where the request came from
    Column("last_at", Moment),  # of what strangers are refused: when it was seen last
    Column("times", BigInteger, nullable=False),
    Column(
        "grouped_by", String(255), unique=True
    ),  # the hour, the network and the reason, so that a flood is a row
)
