"""Opens the hub's doors: MQTT, the service side by HTTPS, MQTT by WebSocket. They close with the stack."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack
from typing import NamedTuple

from pi_auto.hub import listening
from pi_auto.hub.connections import Connections
from pi_auto.hub.options import Options


class Doors(NamedTuple):
    """Where each is, as ADDRESS:PORT or OFF, and by what they show certificates."""

    mqtt: str
    https: str
    websocket: str
    contexts: tuple[ssl.SSLContext, ...]


async def open_doors(
    stack: AsyncExitStack, options: Options, connections: Connections, tls: ssl.SSLContext | None
) -> Doors:
    """Listen at all that are wanted; `tls` is that of MQTT. Raises OperatorError."""
    mqtt = await listening.listen(stack, options, connections, tls)
    rest_tls = options.rest_tls() if options.https_port is not None else None
    https = await _listen_rest(stack, options, connections, rest_tls)
    websocket = await _listen_websocket(stack, options, connections, tls)
    return Doors(mqtt, https, websocket, tuple(each for each in (tls, rest_tls) if each))


async def _listen_rest(
    stack: AsyncExitStack, options: Options, connections: Connections, tls: ssl.SSLContext | None
) -> str:
    if options.https_port is None or tls is None:
        return listening.OFF
    from pi_auto.hub.rest.routes import service_side  # noqa: PLC0415 - the same
    from pi_auto.hub.rest.server import Place, listen  # noqa: PLC0415 - aiohttp costs memory MQTT alone need not

    app = service_side(connections.services, connections)
    return await listen(stack, app, options, Place(options.host, options.https_port), tls)


async def _listen_websocket(
    stack: AsyncExitStack, options: Options, connections: Connections, tls: ssl.SSLContext | None
) -> str:
    if options.websocket_port is None or tls is None:
        return listening.OFF
    from pi_auto.hub.rest.routes import devices_side  # noqa: PLC0415 - the same
    from pi_auto.hub.rest.server import Place, listen  # noqa: PLC0415 - the same

    host, named = options.websocket_host or options.host, "--websocket-host or --websocket-port"
    app = devices_side(connections.services, connections)
    return await listen(stack, app, options, Place(host, options.websocket_port, named), tls)
