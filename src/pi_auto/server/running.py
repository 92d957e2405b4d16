"""`pi-auto-server run`: takes the ports, opens the fleet, says when it is ready, serves until told to stop.

It takes a while to load, which other commands and --help do without.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

from pi_auto.server import ports, serving
from pi_auto.server.answering import ANSWERS_WITHIN, answers, wait_for_answer
from pi_auto.server.context import now_utc, open_context
from pi_auto.server.errors import CommandFailed
from pi_auto.server.links.base import HubFailed
from pi_auto.server.links.local import LocalLink
from pi_auto.server.service import Service
from pi_auto.server.settings import Address, Settings
from pi_auto.server.store.engine import StoreError
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.fleet import Fleet, open_fleet
from pi_auto.server.trust.own_names import own_names
from pi_auto.server.welcome import welcome

_UNTRUSTED = """\
THIS SERVER TRUSTS EVERYBODY (--trust off): whoever reaches it reads every scan, and may register any device;
nothing is encrypted. It is for old set-ups that are being developed, on one machine. Old clients of a fleet
are served by legacy mode: `pi-auto-server legacy on`."""
_log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises CommandFailed."""
    if settings.trust:
        _run_with_trust(settings)
        return
    _log.warning(_UNTRUSTED)
    if settings.http:
        _run_without_trust(settings, settings.http)
    else:
        _run_without_http(settings)


def _run_with_trust(settings: Settings) -> None:
    """The API and the pages over TLS; the plain port, where there is one, only says where."""
    ports.see_hubs_are_free(settings)
    with ExitStack() as stack:
        listener = stack.enter_context(ports.take(settings.https or Address("127.0.0.1", 0), "--https"))
        plain = stack.enter_context(ports.take(settings.http, "--http")) if settings.http else None
        https, http = serving.bound_address(listener), serving.bound_address(plain) if plain else None

        def say_ready(hub: Address | None) -> None:
            _say_ready(settings, http, hub, https=https)
            with suppress(OSError, ValueError):  # nobody may listen
                print(welcome(settings, https.port, os.fstat(sys.stdout.fileno()).st_mode), flush=True)

        _serve(settings, listener, say_ready, _fleet(settings), plain)


def _run_without_trust(settings: Settings, http: Address) -> None:
    """The API and the pages without TLS."""
    ports.see_hubs_are_free(settings)
    with ports.take(http, "--http") as listener:
        bound = serving.bound_address(listener)
        _serve(settings, listener, lambda hub: _say_ready(settings, bound, hub))


def _run_without_http(settings: Settings) -> None:
    """Only the hub and the books, in this one process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with closing(open_context(settings)) as context:
            hub = context.link.wait_bound(ANSWERS_WITHIN) if isinstance(context.link, LocalLink) else None
            service = Service()
            service.attend(lambda: True)
            _say_ready(settings, None, hub)
            stop.wait()
            service.stopping()
    except (StoreError, HubFailed) as error:
        raise CommandFailed(str(error)) from error


def _fleet(settings: Settings) -> Fleet:
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = own_names(settings)
        return open_fleet(settings.data, settings.key_file, settings.names, now_utc(), found)
    except TrustError as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"the data folder {settings.data} cannot be used: {error.strerror}") from error


def _serve(
    settings: Settings,
    listener: socket.socket,
    say_ready: Callable[[Address | None], None],
    fleet: Fleet | None = None,
    plain: socket.socket | None = None,
) -> None:
    """Serve until told to stop; once requests are answered the service manager hears of it, and who started it."""
    bound, service = serving.bound_address(listener), Service()

    def ready(hub: Address | None) -> None:
        wait_for_answer(bound, fleet)
        service.attend(lambda: answers(bound, fleet))
        say_ready(hub)

    failure = serving.serve(settings, listener, ready, fleet.certificate if fleet else None, plain)
    service.stopping()
    if failure:
        raise CommandFailed(failure)


def _say_ready(
    settings: Settings, bound: Address | None, hub: Address | None, *, https: Address | None = None
) -> None:
    said = ({"https": https} if https else {}) | {
        "http": bound or "off",
        "hub-mqtt": hub or "off",
        "data": settings.data,
    }
    words = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in said.items())
    with suppress(OSError):  # whoever started it may not listen any more
        print(f"pi-auto-server ready: {words}", flush=True)
