"""Since when each device is connected or away, and when it was last active, as the service side tells it.

Activity is connecting, sending or receiving a message; a ping is none. What has changed is
written down once a minute and when the hub stops: a kill costs the last minute of it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import NamedTuple

from pi_auto.hub.database import BusyError, Database
from pi_auto.hub.switchboard import Switchboard

_NOT_YET = 0


class Presence(NamedTuple):
    """When the connection last came or went, and the last activity: ms since 1970, 0 for never."""

    connected: bool
    changed_ms: int
    active_ms: int


_Row = tuple[int, int]  # changed and active


class Presences:
    """The presence of every device that has ever connected."""

    def __init__(self, database: Database, switchboard: Switchboard, known: dict[str, _Row]) -> None:
        self._database, self._switchboard, self._known = database, switchboard, known
        self._changed: set[str] = set()

    @classmethod
    async def load(cls, database: Database, switchboard: Switchboard, left_connected: Iterable[str]) -> Presences:
        """As the database has it. Those whose connection ended with a killed hub have gone just now."""
        presences = cls(database, switchboard, await database.submit(_all))
        for device_id in left_connected:
            _, active = presences._known.get(device_id, (_NOT_YET, _NOT_YET))
            presences.moved(device_id, now_ms(), active)
        return presences

    def moved(self, device_id: str, changed_ms: int, active_ms: int) -> None:
        """A device has connected or gone, and when it was last active."""
        self._known[device_id] = (changed_ms, active_ms)
        self._changed.add(device_id)

    def find(self, device_id: str) -> Presence:
        """A device's presence; one that nobody has ever seen has never changed."""
        changed, active = self._known.get(device_id, (_NOT_YET, _NOT_YET))
        line = self._switchboard.find(device_id)
        return Presence(line is not None, changed, line.active_ms if line else active)

    def forget(self, device_id: str) -> None:
        """The device was deleted, and the database has deleted its presence with it."""
        self._known.pop(device_id, None)
        self._changed.discard(device_id)

    def store(self) -> None:
        """Write down what has changed. What the database does not take now it is given the next time."""
        self._note_activity()
        changed, self._changed = self._changed, set()
        rows = [(device_id, *self._known[device_id]) for device_id in changed]
        try:
            done = self._database.submit(lambda connection: _store(connection, rows)) if rows else None
        except BusyError:
            self._changed = changed
            return
        if done:
            done.add_done_callback(lambda answer: self._again(changed) if answer.exception() else None)

    def _note_activity(self) -> None:
        for device_id, line in self._switchboard:
            changed, active = self._known.get(device_id, (_NOT_YET, _NOT_YET))
            if line.active_ms != active:
                self._known[device_id] = (changed, line.active_ms)
                self._changed.add(device_id)

    def _again(self, changed: set[str]) -> None:
        self._changed |= changed & self._known.keys()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _all(connection: sqlite3.Connection) -> dict[str, _Row]:
    rows = connection.execute("SELECT device_id, changed_at, active_at FROM presences")
    return {device_id: (changed, active) for device_id, changed, active in rows}


def _store(connection: sqlite3.Connection, rows: list[tuple[str, int, int]]) -> None:
    """Nothing for a device that was deleted meanwhile."""
    query = "INSERT OR REPLACE INTO presences SELECT device_id, ?2, ?3 FROM devices WHERE device_id = ?1"
    connection.executemany(query, rows)
