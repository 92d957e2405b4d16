"""Adds to the audit trail.

What somebody with a right did is a row each time. What strangers were refused is a row an hour
for each network and reason, with a count: a flood must fill neither disk nor page. Networks are cheap
(who has an IPv6 /48 has 65,536), so those of an hour that come after the first few hundred share a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from pi_auto.server.audit.tables import audit
from pi_auto.server.store.text import storable

SERVER = "server"
MOST_NETWORKS = 500  # rows of an hour and action
_OTHERS = "others"
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
    hour = now.strftime("%Y-%m-%dT%H")
    if _counted(connection, _key(hour, network, entry), now):
        return
    if _rows_of(connection, hour, entry.action) >= MOST_NETWORKS:
        network, entry = _OTHERS, replace(entry, subject=_OTHERS, address=None, detail={})
        if _counted(connection, _key(hour, network, entry), now):
            return
    row = {"at": now, "last_at": now, "times": 1, "grouped_by": _key(hour, network, entry)}
    connection.execute(insert(audit).values(_row(entry) | row))


def _key(hour: str, network: str, entry: Entry) -> str:
    return f"{hour}|{network}|{entry.action}|{entry.outcome}"[:255]


def _counted(connection: Connection, key: str, now: datetime) -> bool:
    """Whether there is such a row already; it has counted one more."""
    counted = update(audit).where(audit.c.grouped_by == key).values(times=audit.c.times + 1, last_at=now)
    return bool(connection.execute(counted).rowcount)


def _rows_of(connection: Connection, hour: str, action: str) -> int:
    """How many rows the hour has of an action, by the index of their keys."""
    of_hour = audit.c.grouped_by.between(f"{hour}|", f"{hour}}}")
    return connection.execute(
        select(func.count()).select_from(audit).where(of_hour, audit.c.action == action)
    ).scalar_one()


def _row(entry: Entry) -> dict[str, Any]:
    texts = {name: getattr(entry, name) for name in _MOST}
    bounded = {name: text and storable(text)[: _MOST[name]] for name, text in texts.items()}
    return bounded | {"detail": dict(entry.detail)}
