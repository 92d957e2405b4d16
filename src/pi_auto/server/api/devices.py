"""The devices that scripts read: GET /api/pi_devices and /api/pi_device/<id or hostname>.

The whole fleet is read and written down some devices at a time: whatever is done in one step for ten
thousand devices keeps every other request waiting meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Response, request
from sqlalchemy import ColumnElement, Connection, Row

from pi_auto.server.api.answers import HEADERS, respond, to_json
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.context import Context, current
from pi_auto.server.fleet.health import told
from pi_auto.server.fleet.presence import Presence, is_flapping, last_contact, presence
from pi_auto.server.fleet.presence_in_sql import presence_at
from pi_auto.server.fleet.queries import TimeOnline, count_devices, find_device, page_devices, times_online
from pi_auto.wire.times import format_time, time_or_none

MOST_AT_ONCE = 100  # read, told and written down in one step
MOST_ASKED_FOR = 10_000
PARAMETERS = ("limit", "after", "status")
_ALL = 2**31 - 1
one_step = threading.Lock()  # lists that are made at once take the part of one thread


def pi_devices() -> Response:
    """Every device, with its presence as of now; or the first `limit` of those that come `after` an id.

    Those of one presence alone, where that is asked for: nothing is read of the others.
    """
    context = current()
    parameters = Parameters(request.args, PARAMETERS)
    after, limit = parameters.text("after", most=253), parameters.integer("limit", most=MOST_ASKED_FOR)
    status = parameters.choice("status", tuple(Presence))
    now = context.clock()
    which = presence_at(now, context.settings.heartbeat_interval) == status if status else None
    devices, last = _listed(context, now, after or "", limit or _ALL, which)
    place = _place(context, last, which) if after or limit else {"total_count": len(devices)}
    rest = to_json(place | {"timestamp": format_time(now)})
    return Response(f'{{"devices":[{",".join(devices)}],{rest[1:]}\n', 200, HEADERS, mimetype="application/json")


def pi_device(name: str) -> Response:
    """One device, by its id or its host name."""
    context = current()
    with context.store.engine.connect() as connection:
        row = find_device(connection, name)
        if row is None:
            raise ApiError(404, f"no device has the id or the host name {name[:253]!r}")
        [device] = _told(context, connection, [row], context.clock())
    return respond(device | {"reported": row.reported})


def _listed(
    context: Context, now: datetime, after: str, limit: int, which: ColumnElement[bool] | None
) -> tuple[list[str], str | None]:
    """The devices as JSON, by id; and the id to go on after, where there may be more than `limit`."""
    listed: list[str] = []
    while (most := min(limit - len(listed), MOST_AT_ONCE)) > 0:
        with one_step, context.store.engine.connect() as connection:
            rows = page_devices(connection, after, most, which)
            listed += map(to_json, _told(context, connection, rows, now))
        if len(rows) < most:
            return listed, None
        after = rows[-1].device_id
    return listed, after


def _place(context: Context, last: str | None, which: ColumnElement[bool] | None) -> dict[str, Any]:
    """Where a part of the list stands in the whole."""
    with context.store.engine.connect() as connection:
        return {"total_count": count_devices(connection, which), "next": last}


def _told(
    context: Context, connection: Connection, rows: Sequence[Row[Any]], now: datetime
) -> Iterator[dict[str, Any]]:
    online = times_online(connection, now, [row.device_id for row in rows])
    for row in rows:
        yield _device(row, online.get(row.device_id, TimeOnline()), now, context.settings.heartbeat_interval)


def _device(row: Row[Any], online: TimeOnline, now: datetime, heartbeat_interval: float) -> dict[str, Any]:
    """A device in the legacy contract's shape, and ours behind it.

    What it reported last is laid over what it registered with.
    """
    seen = last_contact(row)
    newer = (row.reported or {}).get("device_info")
    return {
        "device_id": row.device_id,
        "hostname": row.hostname,
        "registration_date": format_time(row.registered_at),
        "last_seen": time_or_none(seen),
        "status": presence(row, now, heartbeat_interval),
        "client_version": row.client_version,
        "system_info": row.system_info | (newer if isinstance(newer, dict) else {}),
        "flapping": is_flapping(row.connects, now),
        "connected_at": time_or_none(row.connected_at),
        "disconnected_at": time_or_none(row.disconnected_at),
        "online_seconds": {"today": online.today, "seven_days": online.week},
        "health": told(row.reported),
        "legacy": row.legacy,
    }
