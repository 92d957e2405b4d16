"""GET /api/health: how devices recognise a server, and how an operator's watch sees that it works."""

from __future__ import annotations

from typing import Any

from flask import Response

from pi_auto.server.api.answers import respond
from pi_auto.server.context import Context, current
from pi_auto.server.releases.condition import condition_of
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.store.engine import StoreError
from pi_auto.version import __version__
from pi_auto.wire.health import SERVICE
from pi_auto.wire.times import format_time


def health() -> Response:
    """200 while scans can be booked, 503 when they cannot. A hub that is away changes nothing in that."""
    context = current()
    well = context.writer.alive() and _in_place(context)
    body: dict[str, Any] = {
        "status": "healthy" if well else "unhealthy",
        "service": SERVICE,
        "timestamp": format_time(context.clock()),
        "version": __version__,
    }
    state = context.link.state() if context.link else None
    if context.fleet:
        https = context.settings.https
        ports = {"https": https.port if https else 0} | (state.tls_ports if state else {})
        body |= {"fleet_id": context.fleet.fleet_id, "tls": ports}
        condition = condition_of(Shelf(context.settings.data))
        body["updates"] = condition and condition.to_json(context.clock())
    if state:
        body["hub"] = state.to_json()
    return respond(body, 200 if well else 503)


def _in_place(context: Context) -> bool:
    try:
        context.store.check_place()
    except StoreError:
        return False
    return True
