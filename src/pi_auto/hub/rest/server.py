"""Listens for the service side by HTTPS, and stops listening when the hub does."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.listening import shown

_GRACE = 2.0  # seconds for requests under way when the hub stops


async def listen(stack: AsyncExitStack, app: web.Application, host: str, port: int, tls: ssl.SSLContext) -> str:
    """Serve until the stack closes; answers ADDRESS:PORT. Raises OperatorError."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE, keepalive_timeout=60)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        raise OperatorError(
            f"cannot listen for HTTPS on {host}:{port}: {error.strerror}; "
            "end what uses it or name another --host or --https-port"
        ) from error
    return shown(runner.addresses[0])
