"""Listens for MQTT, and says at which address."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import ssl
from contextlib import AsyncExitStack
from typing import Any

from pi_auto.hub.connection import Connection
from pi_auto.hub.connections import Connections
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.options import Options

logger = logging.getLogger("pi_auto.hub")

OFF = "off"  # in place of an address: nothing listens
BACKLOG = 1024  # connections that wait to be accepted: a whole fleet comes back at once
_SPARE_FILES = 512  # descriptors for everything that is not a device


async def listen(
    stack: AsyncExitStack, options: Options, connections: Connections, tls: ssl.SSLContext | None
) -> str:
    """Listen until the stack closes; answers ADDRESS:PORT, or OFF where no MQTT is wanted.

    Raises OperatorError.
    """
    if options.mqtt_port is None:
        return OFF
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(connections), options.host, options.mqtt_port, ssl=tls, backlog=BACKLOG,
            ssl_handshake_timeout=options.connect_timeout if tls else None,
        )  # fmt: skip
    except OSError as error:
        raise OperatorError(
            f"cannot listen for MQTT on {options.host}:{options.mqtt_port}: {reason(error)}; "
            "end what uses it or name another --host or --mqtt-port"
        ) from error
    stack.callback(server.close)
    return shown(server.sockets[0].getsockname())


def reason(error: OSError) -> str:
    """Why it cannot be listened: asyncio wraps that in a sentence of its own, where there is an errno above 0."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


def shown(bound: tuple[Any, ...]) -> str:
    """What a socket is bound to as ADDRESS:PORT, the address of IPv6 in brackets."""
    host, port = bound[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def allowed_connections(wanted: int) -> int:
    """As many as the system's limit of open files leaves room for, once it is raised as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE_FILES
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning("only %d of %d connections fit the limit of open files", allowed - _SPARE_FILES, wanted)
    return allowed - _SPARE_FILES
