"""`pi-auto-server run`: takes the ports, opens the fleet, says when it is ready, serves until told to stop."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress

from pi_auto.server.answering import ANSWERS_WITHIN, answers, wait_for_answer
from pi_auto.server.errors import CommandFailed
from pi_auto.server.loading import loading
from pi_auto.server.service import Service
from pi_auto.server.settings import Address, Settings

_LET_GO_WITHIN = 2.0  # seconds
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
    if settings.http is None:
        _run_without_http(settings)
        return
    with loading():
        from pi_auto.server import serving  # noqa: PLC0415 - takes a while to load, and --help does not need it
        from pi_auto.server.links.stopping import holds_address  # noqa: PLC0415 - see above

    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        _bind(settings.hub_mqtt, "--hub-mqtt").close()  # the hub binds it itself; this is for the sentence
    listener = _bind(settings.http, "--http")
    with listener:
        bound = serving.bound_address(listener)

        service = Service()

        def ready(hub: Address | None) -> None:
            wait_for_answer(bound)
            service.attend(lambda: answers(bound))
            _say_ready(settings, bound, hub)

        failure = serving.serve(settings, listener, ready)
        service.stopping()
    if failure:
        raise CommandFailed(failure)


def _run_with_trust(settings: Settings) -> None:
    """The API and the pages over TLS; the plain port, where there is one, only says where."""
    with loading():
        from pi_auto.server import serving  # noqa: PLC0415 - see above
        from pi_auto.server.context import now_utc  # noqa: PLC0415 - see above
        from pi_auto.server.links.stopping import holds_address  # noqa: PLC0415 - see above
        from pi_auto.server.trust.errors import TrustError  # noqa: PLC0415 - see above
        from pi_auto.server.trust.fleet import open_fleet  # noqa: PLC0415 - see above
        from pi_auto.server.trust.own_names import own_names  # noqa: PLC0415 - see above
        from pi_auto.server.welcome import welcome  # noqa: PLC0415 - see above

    if settings.hub_mqtt and not holds_address(settings.data, settings.hub_mqtt):
        _bind(settings.hub_mqtt, "--hub-mqtt").close()
        if settings.hub_websocket:
            _bind(settings.hub_websocket, "--hub-websocket").close()
    with ExitStack() as stack:
        listener = stack.enter_context(_bind(settings.https or Address("127.0.0.1", 0), "--https"))
        plain = stack.enter_context(_bind(settings.http, "--http")) if settings.http else None
        bound = serving.bound_address(listener)
        try:
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = own_names(settings)
            fleet = open_fleet(settings.data, settings.key_file, settings.names, now_utc(), found)
        except TrustError as error:
            raise CommandFailed(str(error)) from error
        except OSError as error:
            raise CommandFailed(f"the data folder {settings.data} cannot be used: {error.strerror}") from error
        service = Service()

        def ready(hub: Address | None) -> None:
            wait_for_answer(bound, fleet)
            service.attend(lambda: answers(bound, fleet))
            _say_ready(settings, serving.bound_address(plain) if plain else None, hub, https=bound)
            with suppress(OSError, ValueError):  # nobody may listen
                print(welcome(settings, bound.port, os.fstat(sys.stdout.fileno()).st_mode), flush=True)

        failure = serving.serve(settings, listener, ready, fleet.certificate, plain)
        service.stopping()
    if failure:
        raise CommandFailed(failure)


def _bind(address: Address, option: str) -> socket.socket:
    """A listening socket. A server that was told to stop may need a moment to let go of it."""
    from pi_auto.server import serving  # noqa: PLC0415 - see above

    deadline = time.monotonic() + _LET_GO_WITHIN
    while True:
        try:
            return serving.bind(address)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if not taken or time.monotonic() > deadline:
                remedy = "end what uses it or name another" if taken else "name another"
                raise CommandFailed(
                    f"cannot listen on {address}: {error.strerror}; {remedy} with {option}"
                ) from error
        time.sleep(0.1)


def _run_without_http(settings: Settings) -> None:
    """Only the hub and the books, in this one process."""
    from pi_auto.server.context import open_context  # noqa: PLC0415 - see above
    from pi_auto.server.links.base import HubFailed  # noqa: PLC0415 - see above
    from pi_auto.server.links.local import LocalLink  # noqa: PLC0415 - see above
    from pi_auto.server.store.engine import StoreError  # noqa: PLC0415 - see above

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
