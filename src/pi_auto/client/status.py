"""Who this device is and how far its scans have come, on one screen. Reads only; nothing needs to run.

What cannot be read (no permission, not made yet) is said to be so, never guessed. Secrets
are not shown.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.enrolment.registration import stored_registration
from pi_auto.client.settings import Settings
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import DESTINATIONS
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.version import __version__
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.escape import printable
from pi_auto.wire.scan import Scan
from pi_auto.wire.times import format_time

_LOOK_BACK = 100  # records: how far the newest scan is looked for behind incidents
_MOST_SHOWN = 10  # set-aside records on the screen


def status_of(settings: Settings) -> dict[str, Any]:
    """The device's state as an object for `--json`; `troubles` says what could not be read."""
    troubles: list[str] = []
    status: dict[str, Any] = {"version": __version__, "state": str(settings.state)}
    status |= _standing(settings, troubles)
    status |= _progress(settings, troubles)
    return status | {"troubles": troubles}


def screen(status: dict[str, Any]) -> str:
    """The same for a person; text from outside is escaped."""
    newest = status["newest_scan"]
    lines = [
        ("device", status["device_id"] or "not named yet"),
        ("server", status["server"] or "not set"),
        ("registered", status["registered"] or "no"),
        ("IoT Hub", status["hub"] or "none"),
        ("newest scan", f"'{newest['text']}' at {newest['time']}" if newest else "none"),
        *((f"queue to {name}", _depth(depth)) for name, depth in status["queue"].items()),
        ("set aside", str(len(status["set_aside"]))),
        *(("", _one_aside(one)) for one in status["set_aside"][-_MOST_SHOWN:]),
        *(("trouble", trouble) for trouble in status["troubles"]),
    ]
    return "\n".join(f"{name + ':' if name else '':<14}{printable(text)}" for name, text in lines)


def _standing(settings: Settings, troubles: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "device_id": None,
        "server": settings.server_url or None,
        "registered": None,
        "hub": None,
    }
    try:
        identity = stored_identity(settings.agent_folder)
        found["device_id"] = identity.device_id if identity else settings.device_id
        given = stored_registration(settings.agent_folder, settings.server_url, found["device_id"])
    except OSError as error:
        troubles.append(f"{error.filename}: {error.strerror}")
        return found
    if given:
        found["registered"] = format_time(given.registration_date)
        found["hub"] = _hub(given.connection_string)
    return found


def _hub(connection_string: str | None) -> str | None:
    try:
        return ConnectionString.parse(connection_string).host if connection_string else None
    except FieldError:
        return "an unreadable connection string"


def _progress(settings: Settings, troubles: list[str]) -> dict[str, Any]:
    marks = _Marks(settings.agent_folder / "marks.sqlite", troubles)
    found: dict[str, Any] = {"queue": dict.fromkeys(DESTINATIONS), "newest_scan": None, "set_aside": marks.aside()}
    with SpoolReader(settings.capture_folder) as reader:
        try:
            spool, newest = reader.uuid(), reader.newest()
            found["queue"] = {name: max(0, newest - marks.through(name, spool)) for name in DESTINATIONS}
            found["newest_scan"] = _newest_scan(reader, newest)
        except SpoolUnavailable as error:
            troubles.append(str(error))
    return found


def _newest_scan(reader: SpoolReader, newest: int) -> dict[str, Any] | None:
    records = reader.read(max(0, newest - _LOOK_BACK), _LOOK_BACK)
    scans = [record for record in records if isinstance(record, Scan)]
    if not scans:
        return None
    last = scans[-1]
    return {
        "number": last.position.number,
        "time": format_time(last.corrected_time or last.stamp.wall_time),
        "text": last.text,
        "scanner": last.scanner.id,
    }


class _Marks:
    """The agent's marks, read without being able to write: the agent alone writes its database."""

    def __init__(self, path: Path, troubles: list[str]) -> None:
        self._path = path
        self._troubles = troubles

    def through(self, destination: str, spool: str) -> int:
        found = self._rows("SELECT through FROM marks WHERE destination = ? AND spool = ?", destination, spool)
        return int(found[0][0]) if found else 0

    def aside(self) -> list[dict[str, Any]]:
        columns = ("destination", "spool", "number", "uuid", "reason", "body")
        rows = self._rows(f"SELECT {', '.join(columns)} FROM aside ORDER BY at, number")  # noqa: S608 - names above
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _rows(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return connection.execute(question, values).fetchall()
        except sqlite3.Error as error:
            self._troubles.append(f"{self._path}: {error}")
            return []


def _depth(depth: int | None) -> str:
    return "unknown" if depth is None else f"{depth} waiting"


def _one_aside(one: dict[str, Any]) -> str:
    return f"{one['destination']} number {one['number']} uuid {one['uuid']}: {one['reason']}"
