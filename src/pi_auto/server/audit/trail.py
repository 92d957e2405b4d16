"""Adds to the audit trail.

What somebody with a right did is a row each time. What strangers were refused is a row an hour
for each network and reason, with a count: a flood must fill neither disk nor page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from pi_auto.server.audit.tables import audit
from pi_auto.server.store.text import storable

SERVER = "server"
_MOST = {"actor": 128, "action": 64, "subject": 128, "outcome": 64, "address": 64}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was decided. `detail` holds no secret."""

    actor: str
    action: str
    subject: str
    outcome: str
    address: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def note(connection: Connection, entry: Entry, now: datetime) -> None:
    """Add a row."""
    connection.execute(insert(audit).values(_row(entry) | {"at": now, "times": 1}))


def count(connection: Connection, entry: Entry, network: str, now: datetime) -> None:
    """Add a row, or count it on the one of the same hour, network, action and outcome."""
    key = "|".join((now.strftime("%Y-%m-%dT%H"), network, entry.action, entry.outcome))[:255]
    counted = update(audit).where(audit.c.grouped_by == key)
    counted = counted.values(times=audit.c.times + 1, last_at=now)
    if connection.execute(counted).rowcount:
        return
    connection.execute(
        insert(audit).values(_row(entry) | {"at": now, "last_at": now, "times": 1, "grouped_by": key})
    )


def _row(entry: Entry) -> dict[str, Any]:
    texts = {name: getattr(entry, name) for name in _MOST}
    bounded = {name: text and storable(text)[: _MOST[name]] for name, text in texts.items()}
    return bounded | {"detail": dict(entry.detail)}
