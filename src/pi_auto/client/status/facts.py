"""Who this device is, how it stands with the world and how far its scans have come. Reads only.

Nothing needs to run: what the services tell while they run is taken from their bulletins, all
else from what lies on the disk. What cannot be known (no permission, not made yet) is said to
be so, never guessed. Secrets are not shown, and barcodes only where logs may have them too.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.device_key import FILE as DEVICE_KEY
from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.enrolment.openssl import OpensslError, public_of
from pi_auto.client.agent.health.trust import trust_here
from pi_auto.client.binding.keeping import BY_FIRST
from pi_auto.client.bulletin import Post, posts_in
from pi_auto.client.clockfloor.floor import told_floor
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.spool.destinations import DESTINATIONS
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Aside, Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.status import services
from pi_auto.client.status.devices import Devices
from pi_auto.client.status.undelivered import undelivered
from pi_auto.client.whereabouts import bound_by, card_of, giver, kept_registration
from pi_auto.version import __version__
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.scan import Scan
from pi_auto.wire.times import format_time

_LOOK_BACK = 100  # records: how far the newest scan is looked for behind incidents
_MOST_TOLD = 1000  # set-aside records


def status_of(settings: Settings, fault: str = "") -> dict[str, Any]:
    """The device's state as an object for `--json`; `troubles` says what could not be read, and the `fault` first.

    What a service tells is None while it has not found out yet, or does not run, or may not be asked by this user.
    """
    troubles = [fault] if fault else []
    status: dict[str, Any] = {
        "version": __version__,
        "state": str(settings.state),
        "hostname": socket.gethostname(),
    }
    status |= _standing(settings, troubles)
    status["services"] = services.states() if services.are_asked_for(settings) else None
    status |= _told_by_agent(_posts(settings.agent_folder, troubles))
    status |= _told_by_capture(_posts(settings.capture_folder, troubles))
    status |= _progress(settings, troubles)
    if not settings.log_barcodes:
        _hide_barcodes(status)
    status["clock"] = _clock(settings)
    status["undelivered"] = undelivered(settings)
    return status | {"troubles": troubles}


def _clock(settings: Settings) -> dict[str, Any]:
    trust = trust_here(settings.agent_folder)
    floor = told_floor(settings.state / "clock")
    return {
        "now": format_time(datetime.now(UTC)),
        "synced": trust["synced"],
        "trust": trust["trust"],
        "signed": format_time(floor.time) if floor else None,
    }


def _posts(folder: Path, troubles: list[str]) -> Mapping[str, Post] | None:
    try:
        return posts_in(folder)
    except PermissionError as error:
        troubles.append(f"{error.filename}: {error.strerror}")
        return None


def _told_by_agent(told: Mapping[str, Post] | None) -> dict[str, Any]:
    posts = told or {}
    return {
        "agent_runs": None if told is None else bool(told),
        "server_link": _link(posts.get("server")),
        "hub_link": _link(posts.get("hub"), host=None),
        "enrolment": _link(posts.get("enrolment"), remedy=""),
        "update": _update(posts.get("update")),
    }


def _told_by_capture(told: Mapping[str, Post] | None) -> dict[str, Any]:
    posts = told or {}
    devices = Devices.told_in(posts)
    return {
        "capture_runs": None if told is None else devices.runs,
        "scanners": devices.scanners,
        "scanner_troubles": devices.troubles,
        "storing": _link(posts.get("storing")),
    }


def _link(post: Post | None, **otherwise: Any) -> dict[str, Any] | None:
    """How something stands, and since when; None where what is posted says no such thing."""
    if post is None or not isinstance(post.news, dict) or "ok" not in post.news:
        return None
    return {"said": "", **otherwise, **post.news, "since": format_time(post.since)}


def _update(post: Post | None) -> dict[str, Any] | None:
    news = post.news if post and isinstance(post.news, dict) else {}
    return news if "said" in news and isinstance(news.get("at"), str) else None


def _hide_barcodes(status: dict[str, Any]) -> None:
    """What must not be in logs must not be in what people paste into mails either."""
    for record, field in [(status["newest_scan"], "text"), *((one, "body") for one in status["set_aside"])]:
        if record:
            record[field] = None


def _standing(settings: Settings, troubles: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "device_id": None,
        "server": settings.server_url or None,
        "fleet": None,
        "bound_by": None,
        "key": None,
        "warnings": [],
        "registered": None,
        "hub": None,
    }
    try:
        card = card_of(settings)
        found["server"] = giver(settings, card) or None
        found["fleet"] = card.fleet_id if card else None
        found["bound_by"] = bound_by(settings, card)
        found["warnings"] = _warnings(settings, found["bound_by"])
        found["key"] = _key(settings.agent_folder)
        identity = stored_identity(settings.agent_folder)
        found["device_id"] = identity.device_id if identity else settings.device_id
        given = kept_registration(settings, found["device_id"])
    except OSError as error:
        troubles.append(f"{error.filename}: {error.strerror}")
        return found
    except SettingsError as error:  # of the card
        troubles.append(str(error))
        return found
    if given:
        found["registered"] = format_time(given.registration_date)
        found["hub"] = _hub(given.connection_string)
    return found


def _warnings(settings: Settings, by: str | None) -> list[str]:
    """What is as it was wished, and still no good for a device out in the world."""
    if by == BY_FIRST:
        return ["trust_first_server: its fleet is that of the first server that answered, which nobody has proved"]
    if settings.trust_first_server and by is None:
        return ["trust_first_server is set: whichever server answers first will own this device and its scans"]
    return []


def _key(folder: Path) -> str | None:
    """The fingerprint of the device's key, where there is one that this user may read."""
    try:
        return public_of((folder / DEVICE_KEY).read_bytes(), DEVICE_KEY).fingerprint
    except (OSError, OpensslError, FieldError):
        return None


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
