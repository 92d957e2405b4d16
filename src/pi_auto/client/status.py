"""Who this device is and how far its scans have come, on one screen. Reads only; nothing needs to run.

What cannot be read (no permission, not made yet) is said to be so, never guessed. Secrets
are not shown.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.enrolment.registration import stored_registration
from pi_auto.client.settings import Settings
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import DESTINATIONS, Aside, Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.undelivered import undelivered
from pi_auto.version import __version__
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.escape import printable
from pi_auto.wire.scan import Scan
from pi_auto.wire.times import format_time

_LOOK_BACK = 100  # records: how far the newest scan is looked for behind incidents
_MOST_SHOWN, _MOST_TOLD = 10, 1000  # set-aside records on the screen, and in the object


def status_of(settings: Settings) -> dict[str, Any]:
    """The device's state as an object for `--json`; `troubles` says what could not be read."""
    troubles: list[str] = []
    status: dict[str, Any] = {"version": __version__, "state": str(settings.state)}
    status |= _standing(settings, troubles)
    status |= _progress(settings, troubles)
    status["undelivered"] = undelivered(settings)
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
        ("set aside", str(status["set_aside_count"])),
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
    found: dict[str, Any] = {"queue": dict.fromkeys(DESTINATIONS), "newest_scan": None}
    spool, newest = None, 0
    with SpoolReader(settings.capture_folder) as reader:
        try:
            spool, newest = reader.uuid(), reader.newest()
            found["newest_scan"] = _newest_scan(reader, newest)
        except SpoolUnavailable as error:
            troubles.append(str(error))
    return found | _marked(settings, spool, newest, troubles)


def _marked(settings: Settings, spool: str | None, newest: int, troubles: list[str]) -> dict[str, Any]:
    """What the agent's marks tell; a device whose agent never ran has settled and set aside nothing."""
    path = settings.agent_folder / "marks.sqlite"
    found: dict[str, Any] = {"set_aside": [], "set_aside_count": 0}
    try:
        if not path.exists():
            return found | ({"queue": dict.fromkeys(DESTINATIONS, newest)} if spool else {})
        with closing(Marks.reading(path)) as marks:
            found["set_aside"] = [_told(one) for one in marks.aside(_MOST_TOLD)]
            found["set_aside_count"] = marks.aside_count()
            if spool:
                found["queue"] = {name: max(0, newest - marks.through(name, spool)) for name in DESTINATIONS}
    except (sqlite3.Error, OSError) as error:
        troubles.append(f"{path} cannot be read: {error}")
    return found


def _told(one: Aside) -> dict[str, Any]:
    return {
        "destination": one.destination,
        **one.position.to_json(),
        "uuid": one.uuid,
        "reason": one.reason,
        "body": one.body,
    }


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


def _depth(depth: int | None) -> str:
    return "unknown" if depth is None else f"{depth} waiting"


def _one_aside(one: dict[str, Any]) -> str:
    return f"{one['destination']} number {one['number']} uuid {one['uuid']}: {one['reason']}"
