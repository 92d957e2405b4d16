"""Which devices the hub knows, and their keys.

All of them are kept in memory, since ten thousand may come back in one minute; the
database has each change before it counts.
"""

from __future__ import annotations

import secrets
import sqlite3
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pi_auto.hub import etags
from pi_auto.hub.database import Database
from pi_auto.wire.times import format_time

NEVER = "0001-01-01T00:00:00Z"  # as IoT Hub writes a moment that has not been
_KEY_BYTES = 32
_LEAST_KEY, _MOST_KEY = 16, 64  # bytes; Microsoft, "Device identity properties"
_COLUMNS = "device_id, primary_key, secondary_key, enabled, generation_id, etag, status_reason, status_updated_at"


class DeviceExistsError(Exception):
    """A device of that id is there already."""


class DeviceMissingError(Exception):
    """No device of that id is there."""


class RefusedKeyError(ValueError):
    """A key that IoT Hub would not take."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that may connect while it is enabled. Keys are base64 and stay out of every repr."""

    device_id: str
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)
    enabled: bool = True
    generation_id: str = ""
    etag: str = ""
    status_reason: str | None = None
    status_updated_at: str = NEVER


@dataclass(frozen=True, slots=True)
class Wish:
    """What a device is to be. A key of None is generated for a new device and kept for a known one."""

    primary_key: str | None = field(default=None, repr=False)
    secondary_key: str | None = field(default=None, repr=False)
    enabled: bool = True
    status_reason: str | None = None


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

    def __iter__(self) -> Iterator[Device]:
        """All devices by id."""
        return iter([self._devices[device_id] for device_id in sorted(self._devices)])

    def __len__(self) -> int:
        return len(self._devices)

    async def put(self, device_id: str) -> Device:
        """The device of that id, made with new keys if there is none yet; durable when this returns."""
        known = self._devices.get(device_id)
        if known is None:
            known = await self._database.submit(lambda connection: _put(connection, device_id))
            self._devices[device_id] = known
        return known

    async def create(self, device_id: str, wish: Wish) -> Device:
        """A new device. Raises DeviceExistsError, RefusedKeyError."""
        _check_keys(wish)
        device = await self._database.submit(lambda connection: _create(connection, device_id, wish))
        self._devices[device_id] = device
        return device

    async def update(self, device_id: str, wish: Wish, if_match: str | None = etags.ANY) -> Device:
        """Change a device. Raises DeviceMissingError, StaleError, RefusedKeyError."""
        _check_keys(wish)
        device = await self._database.submit(lambda connection: _update(connection, device_id, wish, if_match))
        self._devices[device_id] = device
        return device

    async def delete(self, device_id: str, if_match: str | None = etags.ANY) -> None:
        """Remove a device and, in the same transaction, its twin, kept session and messages.

        Raises DeviceMissingError, StaleError. A running hub does more: devices.remove.
        """
        await self._database.submit(lambda connection: _delete(connection, device_id, if_match))
        self._devices.pop(device_id, None)


def new_key() -> str:
    """A fresh symmetric key, base64."""
    return b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _check_keys(wish: Wish) -> None:
    for key in (wish.primary_key, wish.secondary_key):
        if key is not None and not _LEAST_KEY <= len(_decoded(key)) <= _MOST_KEY:
            raise RefusedKeyError(f"a key is not base64 of {_LEAST_KEY} to {_MOST_KEY} bytes")


def _decoded(key: str) -> bytes:
    try:
        return b64decode(key, validate=True)
    except (NotBase64, ValueError):
        return b""


def _all(connection: sqlite3.Connection) -> dict[str, Device]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM devices")  # noqa: S608 - a constant
    return {row[0]: _device(row) for row in rows}


def _put(connection: sqlite3.Connection, device_id: str) -> Device:
    """Idempotent: two callers at once get one device."""
    return _stored(connection, device_id) or _create(connection, device_id, Wish())


def _create(connection: sqlite3.Connection, device_id: str, wish: Wish) -> Device:
    if _stored(connection, device_id):
        raise DeviceExistsError(device_id)
    device = Device(
        device_id, wish.primary_key or new_key(), wish.secondary_key or new_key(), wish.enabled,
        secrets.token_hex(8), secrets.token_hex(8), wish.status_reason,
    )  # fmt: skip
    places = "?, ?, ?, ?, ?, ?, ?, ?, ?"
    insert = f"INSERT INTO devices ({_COLUMNS}, created_at) VALUES ({places})"  # noqa: S608 - constants
    connection.execute(insert, (*astuple(device), _now()))
    connection.execute("INSERT OR IGNORE INTO twins (device_id) VALUES (?)", (device_id,))
    return device


def _update(connection: sqlite3.Connection, device_id: str, wish: Wish, if_match: str | None) -> Device:
    known = _known(connection, device_id, if_match)
    device = Device(
        device_id, wish.primary_key or known.primary_key, wish.secondary_key or known.secondary_key, wish.enabled,
        known.generation_id, secrets.token_hex(8), wish.status_reason,
        known.status_updated_at if known.enabled == wish.enabled else _now(),
    )  # fmt: skip
    update = (
        "UPDATE devices SET primary_key = ?, secondary_key = ?, enabled = ?, generation_id = ?, etag = ?, "
        "status_reason = ?, status_updated_at = ? WHERE device_id = ?"
    )
    connection.execute(update, (*astuple(device)[1:], device_id))
    return device


def _delete(connection: sqlite3.Connection, device_id: str, if_match: str | None) -> None:
    _known(connection, device_id, if_match)
    connection.execute("DELETE FROM devices WHERE device_id = ?", (device_id,))


def _known(connection: sqlite3.Connection, device_id: str, if_match: str | None) -> Device:
    device = _stored(connection, device_id)
    if device is None:
        raise DeviceMissingError(device_id)
    etags.check(if_match, device.etag)
    return device


def _stored(connection: sqlite3.Connection, device_id: str) -> Device | None:
    found = f"SELECT {_COLUMNS} FROM devices WHERE device_id = ?"  # noqa: S608 - a constant
    row = connection.execute(found, (device_id,)).fetchone()
    return _device(row) if row else None


def _device(row: tuple[Any, ...]) -> Device:
    device_id, primary_key, secondary_key, enabled, *rest = row
    return Device(device_id, primary_key, secondary_key, bool(enabled), *rest)


def _now() -> str:
    return format_time(datetime.now(UTC))
