"""A hub in this process, without a network, that targets talk to: made when it is first asked.

Its parts are the real ones; in the place of a socket stands a transport that keeps what is written.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from fuzz.target import hold
from pi_auto.hub.connection import Connection
from pi_auto.hub.connections import Connections
from pi_auto.hub.mqtt import packets
from pi_auto.hub.options import Options
from pi_auto.hub.rest.routes import service_side
from pi_auto.hub.services import Services
from pi_auto.hub.stores import open_stores
from pi_auto.wire import topics
from pi_auto.wire.sas import SasToken

DEVICE, OTHER = "pi-1", "pi-2"
_RATES = "registry=1e9,queries=1e9"


class Pipe(asyncio.Transport):
    """What a Connection writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = bytearray(), False

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """No more comes."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Whether no more comes."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    resume_reading = pause_reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The peer's address."""
        return ("127.0.0.1", 1) if name == "peername" else default


class Hub:
    """The hub, its loop, and the errors that it has logged."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-hub-"))
        atexit.register(self.end)
        self.loop = asyncio.new_event_loop()
        self.errors: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(repr(context)))
        _Errors(self.errors).watch()
        self.stack = AsyncExitStack()
        self.services: Services = self.loop.run_until_complete(self._open())

    async def _open(self) -> Services:
        options = Options(self.folder, "127.0.0.1", 0, "127.0.0.1", self.folder / "hub.sock")
        services = (await open_stores(self.stack, options, self.errors.append)).services
        for device in (DEVICE, OTHER):
            await services.registry.put(device)
        self.connections = Connections(services, most=100, connect_timeout=10)
        runner = web.AppRunner(service_side(services, self.connections), access_log=None)
        await runner.setup()
        self.server: Any = runner.server
        return services

    def end(self) -> None:
        """Its files go with it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, octets: bytes) -> bytes:
        """What the hub writes to the device that has sent `octets` behind its CONNECT; all of it has happened."""
        return self.loop.run_until_complete(self._run(octets))

    async def _run(self, octets: bytes) -> bytes:
        pipe, connection = Pipe(), Connection(self.connections)
        connection.connection_made(pipe)
        connection.data_received(self._connect() + octets)
        await asyncio.sleep(0)
        await self.services.log.drained()
        await asyncio.sleep(0)
        connection.flush()
        connection.connection_lost(None)
        await self.services.log.drained()
        return bytes(pipe.written)

    def _connect(self) -> bytes:
        device = self.services.registry.find(DEVICE)
        assert device
        sas = SasToken.sign(
            topics.resource(self.services.host, DEVICE), device.primary_key, int(time.time()) + 3600
        )
        texts = DEVICE, topics.user_name(self.services.host, DEVICE), str(sas)
        body = b"\0\4MQTT\4\xc2\0\x3c" + b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)
        return b"\x10" + packets.remaining_length(len(body)) + body

    def ask(self, request: bytes) -> bytes:
        """What the service side answers to one request of HTTP."""
        return self.loop.run_until_complete(self._ask(request))

    async def _ask(self, request: bytes) -> bytes:
        await self.services.registry.put(DEVICE)  # the last request may have deleted it
        pipe, protocol = Pipe(), self.server()
        protocol.connection_made(pipe)
        protocol.data_received(request)
        until = time.monotonic() + 5
        while not (pipe.closed or b"\r\n\r\n" in pipe.written or time.monotonic() > until):  # noqa: ASYNC110
            await asyncio.sleep(0.0002)  # nothing of the hub's tells that it has answered
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        return bytes(pipe.written)


class _Errors(logging.Handler):
    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def watch(self) -> None:
        for name in ("pi_auto", "asyncio"):
            logger = logging.getLogger(name)
            logger.addHandler(self)
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self._errors.append(self.format(record))


@cache
def hub() -> Hub:
    """The one of this process."""
    return Hub()


def talked(octets: bytes) -> None:
    """A device sends it; nothing fails, and another device's twin is what it was."""
    written = hub().run(octets)
    hold(
        written.startswith((b"\x20\x02\0\0", b"\x20\x02\1\0")),
        "the device was not let in",
        written[:9],
    )
    hold(not hub().errors, "the hub has failed", hub().errors)


def asked(method: str, path: bytes, headers: dict[str, bytes], body: bytes) -> None:
    """A request of somebody who may; it is answered below 500, with JSON if with anything."""
    policy = hub().services.policies.find("iothubowner")
    assert policy
    sas = SasToken.sign(hub().services.host, policy.primary_key, int(time.time()) + 3600, "iothubowner")
    lines = [b"%s %s HTTP/1.1" % (method.encode(), path), b"Host: hub", b"Authorization: " + str(sas).encode()]
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    lines += [b"Content-Length: %d" % len(body), b"", body]
    answer = hub().ask(b"\r\n".join(lines))
    head, _, content = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head else 0
    hold(
        200 <= status < 500 or status == 504,
        "not answered as it should be",
        status,
        path,
        headers,
        body,
        answer[-300:],
    )
    if content and b"application/json" in head:
        json.loads(content, parse_constant=lambda word: hold(False, "no JSON", word))
    hold(not hub().errors, "the hub has failed", hub().errors)
