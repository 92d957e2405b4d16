"""What has been released, and what devices tell of their updates."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text

from pi_auto.server.store.columns import Moment, RowNumber, metadata

# The books' copy of what the signed metadata say, so that a decision is one query. No device believes it.
releases = Table(
    "releases",
    metadata,
    Column("counter", BigInteger, primary_key=True, autoincrement=False),
    Column("version", String(64), nullable=False, unique=True),
    Column("target", String(256), nullable=False),
    Column("update_id", String(64), nullable=False, unique=True),  # SHA-256 of the archive, hex
    Column("size", BigInteger, nullable=False),  # bytes
    Column("notes", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("published_by", String(128), nullable=False),
    Column("withdrawn_at", Moment),
    Column("withdrawn_by", String(128)),
    Column("least_counter", BigInteger, nullable=False, server_default="0"),  # from which release on it is taken
)

update_reports = Table(
    "update_reports",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("version", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("step", String(16)),
    Column("update_id", String(64), index=True),
    Column("percent", BigInteger),
    Column("reason", Text),
    Column("said_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
)
