"""One running hub: opens the stores, listens, and closes everything in the order that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.hub import listening
from pi_auto.hub.connections import Connections
from pi_auto.hub.control import About, Control
from pi_auto.hub.doors import Doors, open_doors
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.eventlog.log import EventLog
from pi_auto.hub.locking import locked
from pi_auto.hub.options import NAME_FILE, Options
from pi_auto.hub.printing import Printing, standard_output, start_after
from pi_auto.hub.services import Services
from pi_auto.hub.stores import Stores, open_stores
from pi_auto.hub.tls import replace

logger = logging.getLogger("pi_auto.hub")

_SWEEP = 0.5  # seconds between two looks at the deadlines of all connections
_TIDY = 60.0  # seconds between two looks at what the log may delete
_LAST_WRITES = 3.0  # seconds for them when the hub stops


def run(options: Options, ready: Callable[[str], None]) -> int:
    """Run a hub until it is told to stop, and answer its exit code; `ready` is told what it bound."""
    os.umask(0o077)  # keys and scans: nobody else's business
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(options.data), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Program(options).run(ready))


class Program:
    """The parts of one hub and their order."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._failure = ""

    async def run(self, ready: Callable[[str], None]) -> int:
        """Start, serve, stop."""
        _watch_for_end(self._stop)
        async with AsyncExitStack() as stack:
            ready(await self._start(stack))
            await self._stop.wait()
        if self._failure:
            raise OperatorError(self._failure)
        return 0

    async def _start(self, stack: AsyncExitStack) -> str:
        """Open and listen; where, in the words of the ready line."""
        options, tls = self._options, self._options.tls()
        _write_name(options.data / NAME_FILE, options.name)
        stores = await open_stores(stack, options, self._fail)
        if options.print_events:
            after = start_after(options.events_from, stores.found)
            stack.push_async_callback(Printing(stores.log, after, standard_output()).finish)
        most = listening.allowed_connections(options.most_connections)
        connections = Connections(stores.services, most, options.connect_timeout)
        stack.push_async_callback(_end_connections, connections, stores)
        doors = await open_doors(stack, options, connections, tls)
        about = About(stores.services.host, doors.mqtt, doors.websocket, tls is not None)
        control = await self._open_control(stack, stores.services, about, doors)
        chores = asyncio.create_task(self._do_chores(connections, stores, control))
        stack.callback(chores.cancel)
        return _ready_line(options, doors)

    async def _open_control(
        self, stack: AsyncExitStack, services: Services, about: About, doors: Doors
    ) -> Control:
        """The socket that the server asks at."""
        control = Control(services, about, self._stop.set, partial(replace, doors.contexts))
        stack.push_async_callback(control.close)
        stack.callback(_stop_listening, await control.open(self._options.socket), self._options.socket)
        return control

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._stop.set()

    async def _do_chores(self, connections: Connections, stores: Stores, control: Control) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        while True:
            await asyncio.sleep(_SWEEP)
            connections.sweep(loop.time())
            self._leave_if_orphaned(control.alone_for(loop.time()))
            if loop.time() >= tidy_at:
                tidy_at = loop.time() + _TIDY
                await _tidy(stores.log)
                stores.services.presences.store()

    def _leave_if_orphaned(self, alone_for: float) -> None:
        """A server that died is to find its hub again; one that never comes back is not to leave it running."""
        timeout = self._options.orphan_timeout
        if timeout is not None and alone_for > timeout and not self._stop.is_set():
            logger.warning("no server has talked to this hub for %.0f s: it stops", timeout)
            self._stop.set()


def _write_name(path: Path, name: str) -> None:
    """Nothing where it stands there: a hub must start on a full disk, since what its server books makes room."""
    line = f"{name}\n".encode()
    if not path.exists() or path.read_bytes() != line:
        write_whole(path, line, mode=0o600)


async def _tidy(log: EventLog) -> None:
    try:
        await log.tidy()
    except OSError as error:
        logger.warning("old events could not be deleted: %s", error)


async def _end_connections(connections: Connections, stores: Stores) -> None:
    """What is under way is stored and acknowledged, then everybody is sent away."""
    await stores.drain(_LAST_WRITES / 2)
    connections.close()
    stores.services.presences.store()
    await stores.drain(_LAST_WRITES / 2)
    connections.abort()


def _ready_line(options: Options, doors: Doors) -> str:
    socket, data = shlex.quote(str(options.socket.absolute())), shlex.quote(str(options.data))
    by_websocket = "" if doors.websocket == listening.OFF else f" websocket={doors.websocket}"
    return f"mqtt={doors.mqtt} https={doors.https} socket={socket} data={data}{by_websocket}"


def _stop_listening(listener: asyncio.Server, path: Path) -> None:
    listener.close()
    path.unlink(missing_ok=True)


def _watch_for_end(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: about a tenth less time for a message that comes alone."""
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return factory
