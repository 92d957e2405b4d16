"""One running hub: opens the stores, listens, and closes everything in the order that loses nothing."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import resource
import shlex
import signal
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.hub.complaints import Complaints
from pi_auto.hub.connection import Connection, Connections
from pi_auto.hub.control import About, Control
from pi_auto.hub.database import Database
from pi_auto.hub.errors import OperatorError
from pi_auto.hub.eventlog.log import EventLog
from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.kept_sessions import KeptSessions
from pi_auto.hub.mailbox import Mailbox
from pi_auto.hub.methods import Methods
from pi_auto.hub.options import Options
from pi_auto.hub.policies import Policies
from pi_auto.hub.registry import Registry
from pi_auto.hub.services import Services
from pi_auto.hub.switchboard import Switchboard
from pi_auto.hub.twins import Twins
from pi_auto.wire import hublink

logger = logging.getLogger("pi_auto.hub")

NAME_FILE = "name"  # in the data folder: what connection strings name as the host
_SWEEP = 0.5  # seconds between two looks at the deadlines of all connections
_TIDY = 60.0  # seconds between two looks at what the log may delete
_LAST_WRITES = 3.0  # seconds for them when the hub stops
_BACKLOG = 1024  # connections that wait to be accepted: a whole fleet comes back at once
_HANDSHAKE = 10.0  # seconds for TLS
_SPARE_FILES = 128  # descriptors for everything that is not a device


def run(options: Options, ready: Callable[[str], None]) -> int:
    """Run a hub until it is told to stop, and answer its exit code; `ready` is told what it bound."""
    os.umask(0o077)  # keys and scans: nobody else's business
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(options.data), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Program(options).run(ready))


class LockedError(OperatorError):
    """Another hub runs on the data folder."""


class Program:
    """The parts of one hub and their order."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._failure = ""
        self._drains: tuple[Callable[[], Awaitable[None]], ...] = ()

    async def run(self, ready: Callable[[str], None]) -> int:
        """Start, serve, stop."""
        tls = self._options.tls()
        write_whole(self._options.data / NAME_FILE, f"{self._options.name}\n", mode=0o600)
        _watch_for_end(self._stop)
        async with AsyncExitStack() as stack:
            services = await self.open_stores(stack)
            connections = Connections(
                services, _allowed_connections(self._options.most_connections), self._options.connect_timeout
            )
            stack.push_async_callback(self._end_connections, connections)
            address = await self._listen(stack, connections, tls)
            https = await self._listen_rest(stack, services, connections)
            control = Control(services, About(services.host, address), self._stop.set)
            stack.push_async_callback(control.close)
            listener = await control.open(self._options.socket)
            stack.callback(_stop_listening, listener, self._options.socket)
            chores = asyncio.create_task(self._do_chores(connections, services.log, control))
            stack.callback(chores.cancel)
            where = self._options.socket.absolute()
            data = shlex.quote(str(self._options.data))
            ready(f"mqtt={address} https={https} socket={shlex.quote(str(where))} data={data}")
            await self._stop.wait()
        if self._failure:
            raise OperatorError(self._failure)
        return 0

    async def open_stores(self, stack: AsyncExitStack) -> Services:
        """The hub's parts, opened in an order that loses nothing, and closed with the stack."""
        database = Database(self._options.data / "registry.sqlite")
        stack.push_async_callback(database.close)
        log = EventLog(self._options.data / "events", self._fail)
        stack.push_async_callback(log.close)
        for device_id in sorted(log.left_connected):  # the hub was killed, and their connections with it
            log.append(Record(hublink.DISCONNECTED, device_id, time.time_ns() // 1_000_000))
        registry = await Registry.load(database)
        self._drains = (database.drained, log.drained)
        switchboard = Switchboard()
        return Services(
            host=self._options.name,
            log=log,
            registry=registry,
            twins=Twins(database),
            switchboard=switchboard,
            complaints=Complaints(),
            methods=Methods(switchboard),
            mailbox=Mailbox(database, switchboard),
            kept_sessions=await KeptSessions.load(database),
            throttles=self._options.throttles(),
            policies=await Policies.load(database),
        )

    async def _listen_rest(self, stack: AsyncExitStack, services: Services, connections: Connections) -> str:
        options = self._options
        if options.https_port is None:
            return "off"
        from pi_auto.hub.rest.routes import service_side  # noqa: PLC0415 - the same
        from pi_auto.hub.rest.server import listen  # noqa: PLC0415 - aiohttp costs memory that MQTT alone need not

        return await listen(
            stack, service_side(services, connections), options.host, options.https_port, options.rest_tls()
        )

    async def _listen(self, stack: AsyncExitStack, connections: Connections, tls: ssl.SSLContext | None) -> str:
        options = self._options
        if options.mqtt_port is None:
            return "off"
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: Connection(connections), options.host, options.mqtt_port, ssl=tls, backlog=_BACKLOG,
                ssl_handshake_timeout=_HANDSHAKE if tls else None,
            )  # fmt: skip
        except OSError as error:
            # asyncio wraps the reason in a sentence of its own; a name that is unknown has no errno above 0
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise OperatorError(
                f"cannot listen for MQTT on {options.host}:{options.mqtt_port}: {reason}; "
                "end what uses it or name another --host or --mqtt-port"
            ) from error
        stack.callback(server.close)
        bound = server.sockets[0].getsockname()
        return f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._stop.set()

    async def _do_chores(self, connections: Connections, log: EventLog, control: Control) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        while True:
            await asyncio.sleep(_SWEEP)
            connections.sweep(loop.time())
            self._leave_if_orphaned(control.alone_for(loop.time()))
            if loop.time() >= tidy_at:
                tidy_at = loop.time() + _TIDY
                try:
                    await log.tidy()
                except OSError as error:
                    logger.warning("old events could not be deleted: %s", error)

    def _leave_if_orphaned(self, alone_for: float) -> None:
        """A server that died is to find its hub again; one that never comes back is not to leave it running."""
        timeout = self._options.orphan_timeout
        if timeout is not None and alone_for > timeout and not self._stop.is_set():
            logger.warning("no server has talked to this hub for %.0f s: it stops", timeout)
            self._stop.set()

    async def _end_connections(self, connections: Connections) -> None:
        """What is under way is stored and acknowledged, then everybody is sent away."""
        await self._drain(_LAST_WRITES / 2)
        connections.close()
        await self._drain(_LAST_WRITES / 2)
        connections.abort()

    async def _drain(self, patience: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                for drained in self._drains:  # the database first: what it answers becomes events
                    await drained()
        await asyncio.sleep(0)  # the answers go out


def _stop_listening(listener: asyncio.Server, path: Path) -> None:
    listener.close()
    path.unlink(missing_ok=True)


def _watch_for_end(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _allowed_connections(wanted: int) -> int:
    """As many as the system's limit of open files leaves room for, once it is raised as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE_FILES
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        logger.warning("only %d of %d connections fit the limit of open files", allowed - _SPARE_FILES, wanted)
    return allowed - _SPARE_FILES


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: about a tenth less time for a message that comes alone."""
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return factory


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the data folder: two hubs that wrote one log would destroy it. The kernel lets go when we die."""
    lock = os.open(data / "hub.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 32).decode(errors="replace").strip()
            raise LockedError(
                f"another hub (process {owner}) runs on {data}: stop it or name another --data"
            ) from None
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
