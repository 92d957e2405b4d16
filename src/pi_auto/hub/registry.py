"""Which devices the hub knows, and their keys.

All of them are kept in memory, since ten thousand may come back in one minute; the
database has each change before it counts.
"""

from __future__ import annotations

import secrets
import sqlite3
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pi_auto.hub.database import Database
from pi_auto.wire.times import format_time

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Device:
    """A device that may connect while it is enabled. Keys are base64 and stay out of every repr."""

    device_id: str
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)
    enabled: bool = True


class Registry:
    """The devices of one hub."""

    def __init__(self, database: Database, devices: dict[str, Device]) -> None:
        self._database, self._devices = database, devices

    @classmethod
    async def load(cls, database: Database) -> Registry:
        """The registry as the database has it."""
        return cls(database, await database.submit(_all))

    def find(self, device_id: str) -> Device | None:
        """The device of that id, if it is known."""
        return self._devices.get(device_id)

    async def put(self, device_id: str) -> Device:
        """The device of that id, made with new keys if there is none yet; durable when this returns."""
        known = self._devices.get(device_id)
        if known is None:
            known = await self._database.submit(lambda connection: _put(connection, device_id))
            self._devices[device_id] = known
        return known


def _all(connection: sqlite3.Connection) -> dict[str, Device]:
    rows = connection.execute("SELECT device_id, primary_key, secondary_key, enabled FROM devices")
    return {row[0]: _device(row) for row in rows}


def _put(connection: sqlite3.Connection, device_id: str) -> Device:
    """Idempotent: two callers at once get one device."""
    created_at = format_time(datetime.now(UTC))
    connection.execute(
        "INSERT OR IGNORE INTO devices (device_id, primary_key, secondary_key, created_at) VALUES (?, ?, ?, ?)",
        (device_id, _new_key(), _new_key(), created_at),
    )
    connection.execute("INSERT OR IGNORE INTO twins (device_id) VALUES (?)", (device_id,))
    found = "SELECT device_id, primary_key, secondary_key, enabled FROM devices WHERE device_id = ?"
    return _device(connection.execute(found, (device_id,)).fetchone())


def _device(row: tuple[str, str, str, int]) -> Device:
    device_id, primary_key, secondary_key, enabled = row
    return Device(device_id, primary_key, secondary_key, bool(enabled))


def _new_key() -> str:
    return b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
