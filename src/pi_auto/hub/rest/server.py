"""Listens for the service side by HTTPS, and stops listening when the hub does."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple, cast

from aiohttp import web

from pi_auto.hub.complaints import Complaints
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.listening import BACKLOG, reason, shown
from pi_auto.hub.options import Options
from pi_auto.hub.rest.app import HUB
from pi_auto.hub.rest.guard import GUARD, Guard

_GRACE = 2.0  # seconds for requests under way when the hub stops


class Place(NamedTuple):
    """Where to listen, and the options that say so."""

    host: str
    port: int
    options: str = "--host or --https-port"


async def listen(
    stack: AsyncExitStack, app: web.Application, options: Options, place: Place, tls: ssl.SSLContext
) -> str:
    """Serve until the stack closes; answers ADDRESS:PORT. Raises OperatorError."""
    app[GUARD] = guard = Guard(options.connect_timeout)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=_GRACE, keepalive_timeout=60, logger=_logger(app[HUB].complaints)
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    make = cast("Callable[[], asyncio.Protocol]", runner.server)
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: guard.protocol(make), place.host, place.port, ssl=tls, backlog=BACKLOG,
            ssl_handshake_timeout=options.connect_timeout,
        )  # fmt: skip
    except OSError as error:
        raise OperatorError(
            f"cannot listen for HTTPS on {place.host}:{place.port}: {reason(error)}; "
            f"end what uses it or name another {place.options}"
        ) from error
    stack.callback(server.close)
    stack.callback(asyncio.create_task(guard.sweep()).cancel)
    return shown(server.sockets[0].getsockname())


class _Complaining(logging.Handler):
    """Says what aiohttp would log with a traceback for each stranger that speaks no HTTP."""

    def __init__(self, complaints: Complaints) -> None:
        super().__init__(logging.WARNING)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        detail = " ".join(str(error or record.getMessage()).split())[:120]
        self._complaints.say("the service side", "a request that is no HTTP", detail)


def _logger(complaints: Complaints) -> logging.Logger:
    """A logger of this server's own, known to nobody else. What a handler raises is answered in app.py."""
    logger = logging.Logger("http", logging.WARNING)  # noqa: LOG001 - not to be found by name
    logger.addHandler(_Complaining(complaints))
    return logger
