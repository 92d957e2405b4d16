"""The twins in the database: read whole, reported and desired properties patched.

The rules are in patches.py; here they meet the stored rows. An answer is durable when it
comes.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3

from pi_auto.hub.database import Database
from pi_auto.hub.patches import dump, merge
from pi_auto.wire.twin import Section


class Twins:
    """The twins of one hub; each device that the registry knows has one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, device_id: str) -> asyncio.Future[bytes]:
        """A twin as its device sees it: `desired` and `reported`, each with its `$version`."""
        return self._database.submit(lambda connection: _read(connection, device_id))

    def report(self, device_id: str, patch: Section) -> asyncio.Future[int]:
        """Merge a patch into the reported properties; answers their new version, or RefusedPatchError."""
        return self._database.submit(lambda connection: _patch(connection, "reported", device_id, patch))

    def desire(self, device_id: str, patch: Section) -> asyncio.Future[int]:
        """Merge a patch into the desired properties; answers their new version, or RefusedPatchError."""
        return self._database.submit(lambda connection: _patch(connection, "desired", device_id, patch))


def _read(connection: sqlite3.Connection, device_id: str) -> bytes:
    query = "SELECT desired, desired_version, reported, reported_version FROM twins WHERE device_id = ?"
    desired, desired_version, reported, reported_version = connection.execute(query, (device_id,)).fetchone()
    twin = {
        "desired": json.loads(desired) | {"$version": desired_version},
        "reported": json.loads(reported) | {"$version": reported_version},
    }
    return json.dumps(twin, separators=(",", ":")).encode()


def _patch(connection: sqlite3.Connection, section: str, device_id: str, patch: Section) -> int:
    """Merge a patch into `desired` or `reported`; the new version of that section."""
    query = f"SELECT {section}, {section}_version FROM twins WHERE device_id = ?"  # noqa: S608 - one of two words
    stored, version = connection.execute(query, (device_id,)).fetchone()
    update = f"UPDATE twins SET {section} = ?, {section}_version = ? WHERE device_id = ?"  # noqa: S608 - the same
    connection.execute(update, (dump(merge(json.loads(stored), patch)), version + 1, device_id))
    return int(version) + 1
