"""Which key belongs to which device, who waits, what was granted beforehand, and who is shut out."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Integer, LargeBinary, String, Table

from pi_auto.server.store.columns import Moment, metadata

identities = Table(
    "identities",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, unique=True),
    Column("public_key", LargeBinary(91), nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),  # one key, one serial
    Column("enrolled_at", Moment, nullable=False),
    Column("granted_by", String(128), nullable=False),  # an operator, a batch, a preauthorisation
    Column("boots", JSON, nullable=False),  # ids of the last ones, the newest last
    Column("cloned_at", Moment),  # since when two devices seem to have the key
)

device_tokens = Table(
    "device_tokens",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("place", String(8), nullable=False),  # current or previous
)

pending = Table(
    "pending",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("device_id", String(63), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("system_info", JSON, nullable=False),
    Column("client_version", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("network", String(64), nullable=False, index=True),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False, index=True),
    Column("approved_by", String(128)),  # an operator said yes; the device has not come for it yet
)

preauthorisations = Table(
    "preauthorisations",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("fingerprint", String(64)),
    Column("secret_hash", LargeBinary(32)),
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("most", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

revocations = Table(
    "revocations",
    metadata,
    Column("kind", String(8), primary_key=True),  # serial or key
    Column("value", String(64), primary_key=True),
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("reason", String(255), nullable=False),
)

used_nonces = Table(
    "used_nonces",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("expires_at", Moment, nullable=False, index=True),
)

enrolment_settings = Table(
    "enrolment_settings",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(255), nullable=False),
)
