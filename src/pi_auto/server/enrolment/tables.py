"""Which key belongs to which device, who waits, what was granted beforehand, and who is shut out."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from pi_auto.server.store.columns import Moment, RowNumber, metadata

identities = Table(
    "identities",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, unique=True),
    Column("public_key", LargeBinary(91), nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),  # one key, one serial
    Column("enrolled_at", Moment, nullable=False),
    Column("granted_by", String(128), nullable=False),  # an operator, a batch, a preauthorisation
    Column("boots", JSON, nullable=False),  # the last ones, the newest last: [id, first heard of in ms since 1970]
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

retired_tokens = Table(
    "retired_tokens",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("retired_at", Moment, nullable=False),  # the device has shown since then that it has kept a later one
)

clone_spans = Table(
    "clone_spans",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("since", Moment, nullable=False),  # from here on two devices may have spoken; scans are marked
    Column("noticed_at", Moment, nullable=False),
    Column("until", Moment),  # an operator has settled it
    Column("evidence", String(32), nullable=False),
    Column("settled_by", String(128)),
)

binding_codes = Table(
    "binding_codes",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("serial", String(64)),  # the only one that it is for, if it is for one
    Column("made_by", String(128), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

hub_wishes = Table(
    "hub_wishes",
    metadata,
    Column("device_id", String(63), primary_key=True),  # the last wish counts: one row for each
    Column("wish", String(8), nullable=False),
    Column("number", BigInteger, nullable=False),  # a later wish has a higher one
    Column("made_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Moment, nullable=False, index=True),
    Column("claimed_until", Moment),  # somebody is telling the hub just now
    Column("error", String(255)),  # of the last try
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
