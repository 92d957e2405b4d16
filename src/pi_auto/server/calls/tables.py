"""The audit's one table. Its rows are only ever added: one before a device is asked, one for what came.

Not among the books' tables: it is written by commands beside a running server, whose books
SQLite lets only one process write. The same table fits a PostgreSQL that both can write.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, String, Table

from pi_auto.server.store.columns import Moment, RowNumber

ASKED, ENDED = "asked", "ended"
LONGEST_SAID = 1024  # characters

metadata = MetaData()
entries = Table(
    "audit_entries",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("call", String(36), nullable=False, index=True),  # both rows of a call bear it
    Column("kind", String(5), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("who", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("device_id", String(128), nullable=False, index=True),
    Column("payload", JSON),
    Column("outcome", String(16)),  # a word of calls/outcomes.py; null before there is one
    Column("status", Integer),  # the device's own, where it answered
    Column("said", String(LONGEST_SAID)),
)

LAST_GUARD = "audit_entries_no_delete"
GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS audit_entries_no_{verb} BEFORE {verb} ON audit_entries"
    " BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END"
    for verb in ("update", "delete")
)  # as SQLite spells it
