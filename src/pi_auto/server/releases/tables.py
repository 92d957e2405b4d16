"""What devices tell of their updates."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table

from pi_auto.server.store.columns import Moment, RowNumber, metadata

update_reports = Table(
    "update_reports",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("version", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("said_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
)
