"""The books: one row per (authenticated device, scan uuid), whichever way it came first."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from pi_auto.server.store.columns import Moment, RowNumber, metadata

scans = Table(
    "scans",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False),
    Column("uuid", String(36), nullable=False),
    Column("spool", String(36), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("scanner_id", String(256), nullable=False),
    Column("scanner_name", String(256), nullable=False),
    Column("scanner_port", String(256), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("text", Text, nullable=False),  # NUL is stored as U+2400: PostgreSQL's text has none; raw is exact
    Column("aim", String(3)),
    Column("symbology", String(32)),
    Column("gtin", String(14)),
    Column("check_digit_ok", Boolean),
    Column("repeat_of", String(36)),
    Column("quantity", Integer, nullable=False),
    Column("boot_id", String(36), nullable=False),
    Column("boottime_ns", BigInteger, nullable=False),
    Column("wall_time", Moment, nullable=False),
    Column("synced", Boolean, nullable=False),
    Column("corrected_time", Moment),
    Column("time_error_ms", BigInteger),  # how far that may be off
    Column("scanned_at", Moment, nullable=False, index=True),  # corrected time, else wall time
    Column("digest", LargeBinary(32), nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    Column("api_at", Moment),  # first arrival by each way
    Column("hub_at", Moment),
    # Every booking and every later arrival takes the next number of one sequence: the live page asks for
    # what has changed after the last it saw.
    Column("changed", BigInteger, nullable=False, index=True),
    # Of an old client, which proves nothing: such scans are shown with a badge and never passed on to others.
    Column("legacy", Boolean, nullable=False, server_default=false()),
    # What the hub brought of an old client's scan that the API had: legacy/booking.py makes its name.
    Column("hub_name", String(36)),
    UniqueConstraint("device_id", "uuid"),
    Index("ix_scans_device_scanned", "device_id", "scanned_at"),
    Index("ix_scans_device_id_id", "device_id", "id"),  # a device's scans in the order of booking, page by page
    Index(
        "ix_scans_device_hub_name",
        "device_id",
        "hub_name",
        sqlite_where=text("hub_name IS NOT NULL"),
        postgresql_where=text("hub_name IS NOT NULL"),
    ),
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False),
    Column("uuid", String(36), nullable=False),
    Column("way", String(8), nullable=False),
    Column("content", JSON, nullable=False),  # the other version, as it came
    Column("digest", LargeBinary(32), nullable=False),
    Column("received_at", Moment, nullable=False),
    UniqueConstraint("device_id", "uuid", "digest"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False),
    Column("uuid", String(36), nullable=False),
    Column("spool", String(36), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("scanner_id", String(256)),
    Column("happened_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("changed", BigInteger, nullable=False, index=True),
    UniqueConstraint("device_id", "uuid"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", String(63), nullable=False, index=True),
    Column("way", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
)
