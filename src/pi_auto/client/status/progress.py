"""How far the scans have come: what is stored last, what waits for whom, what was set aside. Reads only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import DESTINATIONS
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Aside, Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.wire.scan import Scan
from pi_auto.wire.times import format_time

_LOOK_BACK = 100  # records: how far the newest scan is looked for behind incidents
_MOST_TOLD = 1000  # set-aside records


def progress(settings: Settings, troubles: list[str]) -> dict[str, Any]:
    """The queues, the newest scan and what was set aside; `troubles` is told what could not be read."""
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
