"""The server's second process, the worker: opens everything, answers requests, and stops when it is told to.

Granian runs in it; the one of granian's insides that is changed here is how it hears of
signals. Connections on which nothing moves are ended, all of them soon after the signal.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.util import Finalize
from typing import Any

from granian import _signals

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.people import first_link
from pi_auto.server.admin.requests import answer
from pi_auto.server.admin.socket import socket_file
from pi_auto.server.admin.socket import start as start_admin
from pi_auto.server.app import create_app
from pi_auto.server.context import Context, open_context
from pi_auto.server.crowding import make_room_on
from pi_auto.server.doors import Doors
from pi_auto.server.draining import Draining
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


class _Stop:
    """What SIGTERM and SIGINT do in the worker: the first ends it, whatever comes after changes nothing.

    Ctrl-C and systemd signal every process, and the main process its worker again. Two signals
    at once may go to two threads, and Python's handlers wait for the main one, which sleeps: so
    a thread of its own hears them, and Python's handlers do nothing.
    """

    def __init__(self) -> None:
        self.told = False
        self._lock = threading.Lock()
        self._ends: list[Callable[..., Any]] = []
        self._heard, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _in_background("signals", self._listen)

    def also(self, end: Callable[..., Any], _: Any = None) -> None:
        """Call `end` too, at once if the signal has come already. Stands in for granian's set_main_signals."""
        with self._lock:
            self._ends.append(end)
            if self.told:
                end(signal.SIGTERM, None)

    def _listen(self) -> None:
        os.read(self._heard, 1)
        with self._lock:
            self.told = True
            for end in self._ends:
                end(signal.SIGTERM, None)


def load(
    settings: Settings, port: int, reports: Pipe, doors: Doors, plain: socket.socket | None = None
) -> Draining:
    """Open everything, hand granian the app, and tell `reports` how it went: (why it failed, where the hub is).

    `doors` are the servers that show the certificate; `plain` is the socket of the port without TLS, where
    there is one.
    """
    stop = _Stop()
    _in_background("parent", _leave_with_parent)
    try:
        context = _at_port(open_context(settings), port)
        Finalize(None, context.close, exitpriority=10)
        app = create_app(settings, context)
    except (StoreError, TrustError, HubFailed) as error:
        reports.send((str(error), None))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - a worker that dies unheard would be started again for ever
        _log.exception("the server does not start")
        reports.send((f"the server does not start: {type(error).__name__}: {error}", None))
        sys.exit(1)
    if stop.told:
        sys.exit(0)
    stop.also(lambda *_: _in_background("stopping", _end_connections, context, port))
    _signals.set_main_signals = stop.also
    _in_background("stalled", _end_stalled, port)
    _in_background("ready", _report_ready, reports, context)
    _in_background("writer", _leave_without_writer, context)
    _in_background("housekeeping", keep_house, context)
    if context.fleet:
        renewal = Renewal(context.fleet, context.clock, _shows(context, doors), partial(own_names, settings))
        _in_background("certificate", renewal.run)
        _answer_administrators(replace(context, renewal=renewal))
        _announce(context, context.fleet.fleet_id, plain)
        for name, work in _OF_A_FLEET.items():
            _in_background(name, work, context)
    if plain:
        _in_background("plain", serve_plain, plain, PlainPort(app, context, port))
    proven = Proven()
    _in_background("crowding", make_room_on, port, proven, partial(os._exit, 1))
    return Draining(app, Refusals("the API"), proven)


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


def _end_connections(context: Context, port: int) -> None:
    """End the streams, give what is under way a moment, then cut the rest: granian would wait for it."""
    context.stop_streams()
    time.sleep(_LAST_ANSWERS)
    end_stalled(port, 0)


def _end_stalled(port: int) -> None:
    while True:
        time.sleep(_LOOK_EVERY)
        if cut := end_stalled(port, MOST_SILENCE):
            _log.info("%d connections were ended: nothing came or went on them for %d s", cut, MOST_SILENCE)


def _leave_with_parent() -> None:
    """Leave when the main process is gone, even by SIGKILL: nobody else would stop this worker.

    At once and without a goodbye, as the main process went: a clean stop would take the hub along,
    which is to stay for the next server.
    """
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _leave_without_writer(context: Context) -> None:
    """A worker that can book nothing is of no use: the main process starts another one."""
    if context.writer.wait_for_end():
        os._exit(1)


def _in_background(name: str, target: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, name=name, daemon=True).start()
