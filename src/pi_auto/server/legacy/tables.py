"""Networks on which old clients are served for a time, and the old clients that have asked."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Table

from pi_auto.server.store.columns import Moment, metadata

legacy_networks = Table(
    "legacy_networks",
    metadata,
    Column("network", String(64), primary_key=True),  # as CIDR
    Column("opened_by", String(128), nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("closed_at", Moment),  # by an operator, before its time
)

legacy_devices = Table(
    "legacy_devices",
    metadata,
    Column("named_id", String(63), primary_key=True),  # what it calls itself; proves nothing
    Column("hub_id", String(63), nullable=False, unique=True),  # what it is called at the hub and in the books
    Column("address", String(64), nullable=False),  # where it asked from first, or where it was approved
    Column("other_address", String(64)),  # where else somebody has used its id since
    Column("network", String(64), nullable=False, index=True),  # what waiting ones are bounded by
    Column("system_info", JSON, nullable=False),
    Column("client_version", String(64), nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False, index=True),
    Column("approved_by", String(128)),
    Column("approved_at", Moment),
    Column("refused_at", Moment),
    Column("issued_at", Moment),  # the connection string was given then; null: the next registration gets it
    Column("issues", Integer, nullable=False),  # how often it was given: from the second on the keys are new
    Column("hub_enabled", Boolean),  # what the hub was told last; null: it was told nothing
    Column("migrate_by", String(128)),  # who wants it to become a new client
    Column("update_said", String(16)),  # how that goes, in its own words
    Column("update_said_at", Moment),
    Column("scans", BigInteger, nullable=False),
)
