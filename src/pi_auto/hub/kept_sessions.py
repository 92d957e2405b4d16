"""The sessions that outlive their connection (CleanSession 0): which device has one, and its subscriptions.

All are kept in memory, since a whole fleet may come back at once; the database has each
change before the device hears of it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3

from pi_auto.hub.database import Database

Subscriptions = dict[str, int]  # a topic and the QoS that was granted


class KeptSessions:
    """The kept sessions of one hub."""

    def __init__(self, database: Database, kept: dict[str, Subscriptions]) -> None:
        self._database, self._kept = database, kept
        self._writing: dict[str, asyncio.Future[None]] = {}

    @classmethod
    async def load(cls, database: Database) -> KeptSessions:
        """The sessions as the database has them."""
        return cls(database, await database.submit(_all))

    def find(self, device_id: str) -> Subscriptions | None:
        """The subscriptions of a device's kept session; nothing if it has none."""
        found = self._kept.get(device_id)
        return None if found is None else dict(found)

    def keep(self, device_id: str, subscriptions: Subscriptions) -> asyncio.Future[None] | None:
        """Keep a session with these subscriptions; nothing to wait for if it is so already. Raises BusyError."""
        if self._kept.get(device_id) == subscriptions:
            return self._writing.get(device_id)
        text = json.dumps(subscriptions)
        done = self._database.submit(lambda connection: _keep(connection, device_id, text))
        self._kept[device_id] = dict(subscriptions)
        self._writing[device_id] = done
        done.add_done_callback(lambda answer: self._check(device_id, answer))
        return done

    def clear(self, device_id: str) -> asyncio.Future[None] | None:
        """End a kept session (CleanSession 1). Raises BusyError."""
        if device_id not in self._kept:
            return None
        done = self._database.submit(lambda connection: _clear(connection, device_id))
        del self._kept[device_id]
        self._writing[device_id] = done
        done.add_done_callback(lambda answer: self._check(device_id, answer))
        return done

    def forget(self, device_id: str) -> None:
        """The device was deleted, and the database has deleted its session with it."""
        self._kept.pop(device_id, None)
        self._writing.pop(device_id, None)

    def _check(self, device_id: str, answer: asyncio.Future[None]) -> None:
        """What the disk refused is not kept: the device is told so, and subscribes again."""
        if self._writing.get(device_id) is answer:
            del self._writing[device_id]
        if answer.exception():
            self._kept.pop(device_id, None)


def _all(connection: sqlite3.Connection) -> dict[str, Subscriptions]:
    rows = connection.execute("SELECT device_id, subscriptions FROM sessions")
    return {device_id: json.loads(text) for device_id, text in rows}


def _keep(connection: sqlite3.Connection, device_id: str, text: str) -> None:
    query = "INSERT OR REPLACE INTO sessions SELECT device_id, ? FROM devices WHERE device_id = ?"
    connection.execute(query, (text, device_id))  # nothing for a device that was deleted meanwhile


def _clear(connection: sqlite3.Connection, device_id: str) -> None:
    connection.execute("DELETE FROM sessions WHERE device_id = ?", (device_id,))
