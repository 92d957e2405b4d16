"""The twins in the database: read whole, reported and desired properties and tags patched.

The rules are in patches.py; here they meet the stored rows. An answer is durable when it
comes.
"""

from __future__ import annotations

import asyncio
import sqlite3
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pi_auto.hub import etags
from pi_auto.hub.database import Database
from pi_auto.hub.metadata import stamped
from pi_auto.hub.patches import MOST_TAGS, RefusedPatchError, dump, load, merge, parse_patch, replacing
from pi_auto.hub.registry import NEVER
from pi_auto.wire.times import format_time
from pi_auto.wire.twin import Section

_COLUMNS = (
    "device_id, tags, desired, desired_version, desired_metadata, reported, reported_version, reported_metadata, "
    "version, etag"
)


class NoTwinError(RefusedPatchError):
    """The device has been deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin as the service side sees it; the sections carry `$version` and `$metadata`."""

    device_id: str
    tags: Section
    desired: Section
    reported: Section
    version: int
    etag: str


@dataclass(frozen=True, slots=True)
class Change:
    """What the service side changes of a twin: None leaves a part alone; `whole` replaces instead of merging."""

    tags: Section | None = None
    desired: Section | None = None
    whole: bool = False


class Reported(NamedTuple):
    """The new version of the reported properties, and the change as the body of its event."""

    version: int
    change: bytes


class Twins:
    """The twins of one hub; each device that the registry knows has one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, device_id: str) -> asyncio.Future[bytes]:
        """A twin as its device sees it: `desired` and `reported`, each with its `$version`."""
        return self._database.submit(lambda connection: _read(connection, device_id))

    def report(self, device_id: str, body: bytes) -> asyncio.Future[Reported]:
        """Merge a device's patch into its reported properties; answers what changed, or RefusedPatchError."""
        return self._database.submit(lambda connection: _report(connection, device_id, body), patient=True)

    def view(self, device_id: str) -> asyncio.Future[Twin]:
        """A twin as the service side sees it, or NoTwinError."""
        return self._database.submit(lambda connection: _view(connection, device_id))

    def views(self, after: str, most: int) -> asyncio.Future[list[Twin]]:
        """At most so many twins in order of their ids, from the first one behind `after`."""
        return self._database.submit(lambda connection: _views(connection, after, most))

    def change(
        self, device_id: str, change: Change, if_match: str | None = None
    ) -> asyncio.Future[tuple[Twin, Change]]:
        """Change tags and desired properties, all or nothing; answers the twin after it, and what was made of it.

        That is the change as a patch, so that who knows the twin before it can merge it.
        Or it answers RefusedPatchError, StaleError or NoTwinError.
        """
        return self._database.submit(lambda connection: _change(connection, device_id, change, if_match))


def _read(connection: sqlite3.Connection, device_id: str) -> bytes:
    query = "SELECT desired, desired_version, reported, reported_version FROM twins WHERE device_id = ?"
    desired, desired_version, reported, reported_version = _row(connection, query, device_id)
    twin = {
        "desired": load(desired) | {"$version": desired_version},
        "reported": load(reported) | {"$version": reported_version},
    }
    return dump(twin).encode()


def _patch(
    connection: sqlite3.Connection, section: str, device_id: str, patch: Section, *, whole: bool = False
) -> int:
    """Merge a patch into `desired` or `reported`; the new version of that section."""
    query = f"SELECT {section}, {section}_metadata, {section}_version FROM twins WHERE device_id = ?"  # noqa: S608
    stored, metadata, version = _row(connection, query, device_id)
    former, known = ({}, {}) if whole else (load(stored), load(metadata))
    noted = version + 1 if section == "desired" else None
    stamps = stamped(known, patch, format_time(datetime.now(UTC)), noted)
    update = (
        f"UPDATE twins SET {section} = ?, {section}_metadata = ?, {section}_version = ?, "  # noqa: S608 - the same
        "version = version + 1 WHERE device_id = ?"
    )
    connection.execute(update, (merge(former, patch), dump(stamps), version + 1, device_id))
    return int(version) + 1


def _report(connection: sqlite3.Connection, device_id: str, body: bytes) -> Reported:
    """All of it here, among the jobs of its transaction, and not as each comes: so the code stays in the cache."""
    patch = parse_patch(body)
    version = _patch(connection, "reported", device_id, patch)
    return Reported(version, dump({"properties": {"reported": patch}, "version": version}).encode())


def _change(
    connection: sqlite3.Connection, device_id: str, change: Change, if_match: str | None
) -> tuple[Twin, Change]:
    """Everything is checked before anything is written: a job that refuses has changed nothing."""
    twin = _view(connection, device_id)
    etags.check(if_match, twin.etag)
    tags = None if change.tags is None else merge({} if change.whole else twin.tags, change.tags, MOST_TAGS)
    if change.desired is not None:
        _patch(connection, "desired", device_id, change.desired, whole=change.whole)
    if tags is not None:
        update = "UPDATE twins SET tags = ?, version = version + 1 WHERE device_id = ?"
        connection.execute(update, (tags, device_id))
    connection.execute("UPDATE twins SET etag = etag + 1 WHERE device_id = ?", (device_id,))
    return _view(connection, device_id), _as_patch(change, twin) if change.whole else change


def _as_patch(change: Change, before: Twin) -> Change:
    desired = {name: value for name, value in before.desired.items() if not name.startswith("$")}
    return Change(
        None if change.tags is None else replacing(before.tags, change.tags),
        None if change.desired is None else replacing(desired, change.desired),
    )


def _view(connection: sqlite3.Connection, device_id: str) -> Twin:
    return _twin(_row(connection, f"SELECT {_COLUMNS} FROM twins WHERE device_id = ?", device_id))  # noqa: S608


def _views(connection: sqlite3.Connection, after: str, most: int) -> list[Twin]:
    query = f"SELECT {_COLUMNS} FROM twins WHERE device_id > ? ORDER BY device_id LIMIT ?"  # noqa: S608 - a constant
    return [_twin(row) for row in connection.execute(query, (after, most))]


def _twin(row: tuple[Any, ...]) -> Twin:
    device_id, tags, desired, desired_version, desired_metadata, reported, reported_version, metadata, *rest = row
    version, etag = rest
    return Twin(
        device_id, load(tags), _section(desired, desired_metadata, desired_version),
        _section(reported, metadata, reported_version), version, b64encode(etag.to_bytes(8, "big")).decode(),
    )  # fmt: skip


def _section(properties: str, metadata: str, version: int) -> Section:
    stamps = load(metadata) or {"$lastUpdated": NEVER}
    section: Section = load(properties)
    return section | {"$metadata": stamps, "$version": version}


def _row(connection: sqlite3.Connection, query: str, device_id: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query, (device_id,)).fetchone()
    if row is None:
        raise NoTwinError("the device is not registered any more")
    return row
