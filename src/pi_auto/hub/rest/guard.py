"""Bounds the HTTPS connections that are between requests: a request that never becomes whole must end.

aiohttp waits for ever for the rest of a request's head. Here whoever has not finished one in
time is cut, and when too many wait the one that has waited longest makes room. While a request
is dealt with, which at a WebSocket is the device's whole stay, nothing is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

MOST_WAITING = 256
_BETWEEN = 75.0  # seconds between two requests; aiohttp itself closes an idle connection after 60
_SWEEP = 0.5  # seconds between two looks


class Guard:
    """Knows the connections that wait; `patience` is the time for a first request, in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[asyncio.Transport, float] = {}  # the one that waits longest comes first

    def protocol(self, make: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        """A protocol for a new connection, around one that `make` makes."""
        return _Guarded(self, make())

    def came(self, transport: asyncio.Transport) -> None:
        """A connection was made."""
        if len(self._deadlines) >= MOST_WAITING:
            next(iter(self._deadlines)).abort()
        self._wait(transport, self._patience)

    def gone(self, transport: asyncio.Transport) -> None:
        """A connection has ended."""
        self._deadlines.pop(transport, None)

    async def sweep(self) -> None:
        """Cut those whose time is over, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP)
            now = self._loop.time()
            for transport in [each for each, deadline in self._deadlines.items() if deadline <= now]:
                transport.abort()

    async def attend(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Deal with a request; its connection waits again when it is answered."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the connection has ended")
        self._deadlines.pop(transport, None)
        try:
            return await handler(request)
        finally:
            if not transport.is_closing():
                self._wait(transport, _BETWEEN)

    def _wait(self, transport: asyncio.Transport, patience: float) -> None:
        self._deadlines[transport] = self._loop.time() + patience


GUARD = web.AppKey("guard", Guard)


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The middleware that tells the guard; without one nothing is guarded."""
    guard = request.app.get(GUARD)
    return await (guard.attend(request, handler) if guard else handler(request))


class _Guarded(asyncio.Protocol):
    """Hands everything on, and tells the guard of a connection's beginning and end."""

    __slots__ = ("_guard", "_inner", "_transport")

    def __init__(self, guard: Guard, inner: asyncio.Protocol) -> None:
        self._guard, self._inner = guard, inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._guard.came(self._transport)
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._guard.gone(self._transport)
        self._inner.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
