"""Devices, their API tokens, and how far each of their spools has been settled."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, false

from pi_auto.server.store.columns import Moment, metadata

devices = Table(
    "devices",
    metadata,
    Column("device_id", String(63), primary_key=True),
    Column("hostname", String(253), index=True),
    Column("claim_hash", LargeBinary(32)),  # SHA-256; null for a device that registered without a claim
    Column("client_version", String(64), nullable=False),
    Column("system_info", JSON, nullable=False),
    Column("registered_at", Moment, nullable=False),
    Column("last_api_at", Moment),  # last authenticated call
    Column("last_heartbeat_at", Moment),  # last reported twin, by the hub's clock
    Column("said_offline_at", Moment),  # the clean goodbye, void once anything newer is seen
    Column("connected_at", Moment),  # the newest connect at the hub, by the hub's own order
    Column("disconnected_at", Moment),  # the disconnect behind that, if there was one
    Column("connection_order", String(64)),  # of the newer of the two, see fleet/connections.py
    Column("connects", JSON),  # the newest connects, milliseconds since 1970: whether it flaps
    Column("reported", JSON),  # the twin's reported properties, as last seen
    Column("changed", BigInteger, nullable=False, index=True, default=0),  # see scans.changed
    Column("legacy", Boolean, nullable=False, server_default=false()),  # an old client: anybody may be it
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),  # SHA-256 of the token: a stolen copy opens nothing
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("issued_at", Moment, nullable=False),
)

spools = Table(
    "spools",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("spool", String(36), primary_key=True),
    Column("through", BigInteger, nullable=False),  # settled by the API without a gap up to here
    Column("asked", Integer, nullable=False, default=0),
)

online_spans = Table(
    "online_spans",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("way", String(3), primary_key=True),  # hub or api: each is reckoned in its own order
    Column("through", BigInteger, nullable=False),  # milliseconds since 1970: time online is counted up to here
    Column("since", BigInteger),  # online since then as of `through`; null: not online
)

device_days = Table(
    "device_days",
    metadata,
    Column("device_id", ForeignKey("devices.device_id"), primary_key=True),
    Column("day", String(10), primary_key=True, index=True),  # in UTC, such as 2026-11-23
    Column("way", String(3), primary_key=True),
    Column("online_ms", BigInteger, nullable=False),
    Column("connects", Integer, nullable=False),
)
