"""Lets a query ask for presence: the books' own function calls the one place that decides it (presence.py).

So ten thousand devices are looked through for those that are offline without any of them being made a row of
Python's, and what a query finds and what a page says of it are never two things.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, bindparam, func, type_coerce

from pi_auto.server.fleet.presence import presence
from pi_auto.server.fleet.tables import devices
from pi_auto.server.store.columns import Moment

_NAME = "pi_auto_presence"
_OWN = "heartbeat_interval"  # without this word in it, what a device reports need not be read


class _Row(NamedTuple):
    """A row's columns as SQLite has them, read; all moments are UTC and naive."""

    last_api_at: datetime | None
    last_heartbeat_at: datetime | None
    said_offline_at: datetime | None
    connected_at: datetime | None
    disconnected_at: datetime | None
    reported: Any


def teach(connection: sqlite3.Connection) -> None:
    """Let this connection of the books know the function."""
    connection.create_function(_NAME, 8, _presence, deterministic=True)


def presence_at(now: datetime, heartbeat_interval: float) -> ColumnElement[str]:
    """What `presence` says of a row of `devices` then, as a column."""
    row = devices.c
    moments = (row.last_api_at, row.last_heartbeat_at, row.said_offline_at, row.connected_at, row.disconnected_at)
    reported = type_coerce(row.reported, String)  # as it is stored
    then = bindparam(None, now, type_=Moment)
    return func.pi_auto_presence(*moments, reported, then, heartbeat_interval, type_=String)


def _presence(*columns: Any) -> str:
    api, heartbeat, goodbye, connected, disconnected, reported, now, interval = columns
    ended = _moment(goodbye), _moment(connected), _moment(disconnected)
    row = _Row(_moment(api), _moment(heartbeat), *ended, _read(reported))
    return presence(row, datetime.fromisoformat(now), interval).value


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _read(reported: str | None) -> Any:
    return json.loads(reported) if reported and _OWN in reported else None
