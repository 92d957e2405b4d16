"""MQTT over WebSocket: the same Connection as over TCP, behind a transport of a few methods.

For networks that let nothing but HTTPS out. What comes in goes to the connection piece by
piece, and nothing is read while it asks for a pause; how MQTT is cut into frames means nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from pi_auto.hub.connection import Connection
from pi_auto.hub.connections import Connections
from pi_auto.wire import topics

PATH = topics.WEBSOCKET_PATH
CONNECTIONS = web.AppKey("connections", Connections)
_MOST_FRAME = 512 * 1024  # bytes; an MQTT packet of IoT Hub is smaller


async def serve(request: web.Request) -> web.WebSocketResponse:
    """Serve one device; the application holds the hub's connections under CONNECTIONS."""
    if "mqtt" not in request.headers.get("Sec-WebSocket-Protocol", "").replace(",", " ").split():
        raise web.HTTPBadRequest(text="the sub-protocol mqtt is spoken here, and no other")
    answer = web.WebSocketResponse(protocols=("mqtt",), max_msg_size=_MOST_FRAME, compress=False)
    await answer.prepare(request)
    connection = Connection(request.app[CONNECTIONS])
    transport = _Transport(answer, request, connection)
    connection.connection_made(transport)
    writing = asyncio.create_task(transport.send_all())
    try:
        await _read(answer, transport, connection)
    finally:
        connection.connection_lost(None)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    return answer


async def _read(answer: web.WebSocketResponse, transport: _Transport, connection: Connection) -> None:
    async for message in answer:
        if message.type is not WSMsgType.BINARY:
            await answer.close(code=1003, message=b"MQTT comes in binary frames")
            return
        connection.data_received(message.data)
        await transport.may_read.wait()


class _Transport(asyncio.Transport):
    """What a Connection needs of a transport, over one WebSocket."""

    def __init__(self, answer: web.WebSocketResponse, request: web.Request, connection: Connection) -> None:
        super().__init__()
        self._answer, self._request, self._connection = answer, request, connection
        self._waiting: list[bytes] = []
        self._wanted = asyncio.Event()
        self._closing = False
        self._most = 64 * 1024
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def send_all(self) -> None:
        """Send what is written until it is closed."""
        with suppress(ConnectionError):
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                data, self._waiting = b"".join(self._waiting), []
                if data:
                    await self._answer.send_bytes(data)
                if self._closing and not self._waiting:
                    await self._answer.close()
                    return
                self._connection.resume_writing()

    def write(self, data: Any) -> None:
        """Send it soon; too much that waits is told to the connection."""
        self._waiting.append(bytes(data))
        self._wanted.set()
        if sum(map(len, self._waiting)) > self._most:
            self._connection.pause_writing()

    def close(self) -> None:
        """Send what waits, then close."""
        self._closing = True
        self.may_read.set()
        self._wanted.set()

    def abort(self) -> None:
        """Cut it."""
        self.close()
        if self._request.transport:
            self._request.transport.abort()

    def pause_reading(self) -> None:
        """Take no more frames; TCP holds the peer back."""
        self.may_read.clear()

    def resume_reading(self) -> None:
        """Go on."""
        self.may_read.set()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """How many bytes may wait."""
        self._most = high or self._most

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The peer's address, and whatever else the TCP connection knows."""
        return self._request.transport.get_extra_info(name, default) if self._request.transport else default
