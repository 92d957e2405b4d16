"""The server's second process, the worker: opens everything, answers requests, and stops when it is told to.

Granian runs in it; the one of granian's insides that is changed here is how it hears of
signals. Connections on which nothing moves are ended, all of them soon after the signal.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.util import Finalize

from flask import Flask
from granian import _signals

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.people import first_link
from pi_auto.server.admin.requests import answer
from pi_auto.server.admin.socket import socket_file
from pi_auto.server.admin.socket import start as start_admin
from pi_auto.server.app import create_app
from pi_auto.server.background import in_background
from pi_auto.server.context import Context, open_context
from pi_auto.server.crowding import make_room_on
from pi_auto.server.doors import Doors
from pi_auto.server.draining import Draining
from pi_auto.server.ending import Stop, end_connections, leave_with_parent, leave_without_writer
from pi_auto.server.enrolment.telling import tell_on
from pi_auto.server.housekeeping import keep_house
from pi_auto.server.legacy.hub import keep_aligned
from pi_auto.server.links.base import HubFailed
from pi_auto.server.links.local import LocalLink
from pi_auto.server.plain.port import PlainPort
from pi_auto.server.plain.serving import serve_plain
from pi_auto.server.proven import Proven
from pi_auto.server.refusals import Refusals
from pi_auto.server.releases.resigning import keep_signed
from pi_auto.server.rollouts.leading import lead_on
from pi_auto.server.settings import Settings
from pi_auto.server.stalled import MOST_SILENCE, end_stalled
from pi_auto.server.store.engine import StoreError
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.fleet import Fleet
from pi_auto.server.trust.own_names import own_names
from pi_auto.server.trust.renewal import Renewal, Show

HUB_READY_WITHIN = 20.0  # seconds
_LAST_ANSWERS = 0.7  # seconds for requests that are under way when the worker is to stop
_LOOK_EVERY = 5.0
_OF_A_FLEET: dict[str, Callable[[Context], None]] = {
    "hub-wishes": tell_on,
    "legacy": keep_aligned,
    "releases": keep_signed,
    "rollouts": lead_on,
}  # what goes on in the background where the server has a fleet, by the threads' names
_log = logging.getLogger(__name__)


def load(
    settings: Settings, port: int, reports: Pipe, doors: Doors, plain: socket.socket | None = None
) -> Draining:
    """Open everything, hand granian the app, and tell `reports` how it went: (why it failed, where the hub is).

    `doors` are the servers that show the certificate; `plain` is the socket of the port without TLS, where
    there is one.
    """
    stop = Stop()
    in_background("parent", leave_with_parent)
    context, app = _opened(settings, port, reports)
    if stop.told:
        sys.exit(0)
    stop.also(lambda *_: in_background("stopping", end_connections, context, port))
    _signals.set_main_signals = stop.also
    _keep_going(context, port, reports)
    if context.fleet:
        _serve_fleet(context, context.fleet, settings, doors)
        _announce(context, context.fleet.fleet_id, plain)
    if plain:
        in_background("plain", serve_plain, plain, PlainPort(app, context, port))
    proven = Proven()
    in_background("crowding", make_room_on, port, proven, partial(os._exit, 1))
    return Draining(app, Refusals("the API"), proven)


def _opened(settings: Settings, port: int, reports: Pipe) -> tuple[Context, Flask]:
    """All that requests need; where it cannot be had, `reports` is told why and the worker ends."""
    try:
        context = _at_port(open_context(settings), port)
        Finalize(None, context.close, exitpriority=10)
        return context, create_app(settings, context)
    except (StoreError, TrustError, HubFailed) as error:
        reports.send((str(error), None))
    except Exception as error:  # noqa: BLE001 - a worker that dies unheard would be started again for ever
        _log.exception("the server does not start")
        reports.send((f"the server does not start: {type(error).__name__}: {error}", None))
    sys.exit(1)


def _keep_going(context: Context, port: int, reports: Pipe) -> None:
    """What goes on in the background of every server."""
    in_background("stalled", _end_stalled, port)
    in_background("ready", _report_ready, reports, context)
    in_background("writer", leave_without_writer, context)
    in_background("housekeeping", keep_house, context)


def _serve_fleet(context: Context, fleet: Fleet, settings: Settings, doors: Doors) -> None:
    """Its certificate, its administrators, and what goes on in the background for its devices."""
    renewal = Renewal(fleet, context.clock, _shows(context, doors), partial(own_names, settings))
    in_background("certificate", renewal.run)
    _answer_administrators(replace(context, renewal=renewal))
    for name, work in _OF_A_FLEET.items():
        in_background(name, work, context)


def _shows(context: Context, doors: Doors) -> list[Show]:
    """Who is told of a new certificate."""
    hub = [context.link.show_certificate] if isinstance(context.link, LocalLink) else []
    return [doors.renew, *hub]


def _at_port(context: Context, port: int) -> Context:
    """The same, with the port of HTTPS that was bound: it is the one that health, links and cards name."""
    if context.settings.https is None:
        return context
    return replace(context, settings=replace(context.settings, https=replace(context.settings.https, port=port)))


def _answer_administrators(context: Context) -> None:
    first_link(context)
    start_admin(socket_file(context.settings.data), partial(answer, Administrator(context)))


def _announce(context: Context, fleet_id: str, plain: socket.socket | None) -> None:
    settings = context.settings
    if settings.announce and settings.https and not settings.https.loopback:
        from pi_auto.server.announcing import Announcing  # noqa: PLC0415 - a server on loopback needs none of it

        announcing = Announcing(fleet_id, settings.https, plain.getsockname()[1] if plain else None)
        Finalize(None, announcing.close, exitpriority=20)


def _report_ready(reports: Pipe, context: Context) -> None:
    try:
        hub = context.link.wait_bound(HUB_READY_WITHIN) if isinstance(context.link, LocalLink) else None
    except HubFailed as error:
        reports.send((str(error), None))
        return
    reports.send((None, hub))


def _end_stalled(port: int) -> None:
    while True:
        time.sleep(_LOOK_EVERY)
        if cut := end_stalled(port, MOST_SILENCE):
            _log.info("%d connections were ended: nothing came or went on them for %d s", cut, MOST_SILENCE)
