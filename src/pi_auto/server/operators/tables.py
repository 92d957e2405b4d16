"""What operators show to be let in. Secrets are here as SHA-256: 256 random bits each, so a copy opens nothing."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from pi_auto.server.store.columns import Moment, metadata

operator_links = Table(
    "operator_links",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(255), nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

operator_tokens = Table(
    "operator_tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", String(255), nullable=False),  # words with blanks between them
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)
