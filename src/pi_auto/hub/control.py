"""The hub's Unix socket: what the fleet server asks and reads; the protocol is wire/hublink.py.

Lines are bounded, and connections are few.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pi_auto.hub.answers import Answer, line_of, refusal
from pi_auto.hub.control_socket import listen
from pi_auto.hub.managing import operations
from pi_auto.hub.services import Services
from pi_auto.hub.streaming import stream
from pi_auto.hub.tls import NotACertificateError
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.hublink import MOST_LINE

logger = logging.getLogger("pi_auto.hub")

_MOST_CONNECTIONS = 256  # the server asks from each of its 128 threads
_MOST_PEM = 64 * 1024


class About(NamedTuple):
    """What a hub tells of itself: the name that connection strings carry, and where it listens for what."""

    host: str
    mqtt: str
    websocket: str = "off"
    tls: bool = False


class Control:
    """Serves the socket; `stop` ends the hub, `show` has it show another certificate."""

    def __init__(
        self, services: Services, about: About, stop: Callable[[], None], show: Callable[[str], None]
    ) -> None:
        self._about, self._stop, self._show = about, stop, show
        self._log = services.log
        self._conversations: set[asyncio.Task[None]] = set()
        self._last_seen = asyncio.get_running_loop().time()
        self._operations: dict[str, Callable[[Fields], Awaitable[Answer]]] = {
            **operations(services, about.host),
            "acknowledge": self._acknowledge,
            "info": self._info,
            "certificate": self._replace_certificate,
            "stop": self._stop_hub,
        }

    async def open(self, path: Path) -> asyncio.Server:
        """Listen at `path`, for this user alone. Raises OperatorError."""
        listener = listen(path)
        return await asyncio.start_unix_server(
            self._converse, sock=listener, limit=MOST_LINE, backlog=_MOST_CONNECTIONS
        )

    def alone_for(self, now: float) -> float:
        """Seconds since somebody was last connected, by the loop's clock."""
        if self._conversations:
            self._last_seen = now
        return now - self._last_seen

    async def close(self) -> None:
        """End every conversation."""
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._conversations.add(task)
        try:
            with suppress(ConnectionError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the hub stops; asyncio would report it as an error of ours
        except Exception:
            logger.exception("a conversation on the hub's socket failed")
        finally:
            self._conversations.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another, until the peer goes or asks for events."""
        while line := await _line(reader, writer):
            try:
                request = _parsed(line)
                if request.choice("op", (*self._operations, "events")) == "events":
                    await stream(self._log, self._start_of(request), reader, writer)
                    return
                answer = await self._operations[request.text("op", most=32)](request)
            except FieldError as error:
                answer = refusal(str(error))
            writer.write(line_of(answer))
            await writer.drain()

    async def _acknowledge(self, request: Fields) -> Answer:
        self._log.acknowledge(request.integer("through", most=self._log.durable))
        return {"ok": True}

    async def _info(self, _: Fields) -> Answer:
        return {"ok": True, "pid": os.getpid()} | self._about._asdict()

    async def _replace_certificate(self, request: Fields) -> Answer:
        """From the next connection on; who is connected stays so."""
        if not self._about.tls:
            return refusal("this hub speaks MQTT without TLS")
        try:
            self._show(request.text("pem", most=_MOST_PEM))
        except NotACertificateError as error:
            return refusal(str(error))
        logger.info("new connections are shown another certificate")
        return {"ok": True}

    async def _stop_hub(self, _: Fields) -> Answer:
        self._stop()
        return {"ok": True}

    def _start_of(self, request: Fields) -> int:
        """Where a reader begins. One that is ahead of the log has read another one: told, it need not wait."""
        return request.integer("after", most=self._log.durable)


async def _line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line; empty when there is none, or none that is short enough."""
    try:
        return await reader.readline()
    except ValueError:
        writer.write(line_of(refusal(f"a line of more than {MOST_LINE} bytes")))
        return b""


def _parsed(line: bytes) -> Fields:
    try:
        return Fields(json.loads(line))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FieldError):
            raise
        raise FieldError("the line", f"{len(line)} bytes that are not JSON", "a JSON object") from None
