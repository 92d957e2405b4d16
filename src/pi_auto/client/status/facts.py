"""Who this device is, how it stands with the world and how far its scans have come. Reads only.

Nothing needs to run: what the services tell while they run is taken from their bulletins, all
else from what lies on the disk. What cannot be known (no permission, not made yet) is said to
be so, never guessed. Secrets are not shown, and barcodes only where logs may have them too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.health.trust import trust_here
from pi_auto.client.bulletin import Post, posts_in
from pi_auto.client.clockfloor.floor import told_floor
from pi_auto.client.settings import Settings
from pi_auto.client.status import services
from pi_auto.client.status.devices import Devices
from pi_auto.client.status.progress import progress
from pi_auto.client.status.standing import standing
from pi_auto.client.status.undelivered import undelivered
from pi_auto.version import __version__
from pi_auto.wire.times import format_time


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
    status |= standing(settings, troubles)
    status["services"] = services.states() if services.are_asked_for(settings) else None
    status |= _told_by_agent(_posts(settings.agent_folder, troubles))
    status |= _told_by_capture(_posts(settings.capture_folder, troubles))
    status |= progress(settings, troubles)
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
