"""Runs the server's two processes: the main one holds the listening socket, the worker answers requests.

Granian starts the worker again when it dies. What is changed here about it: we bind the
socket (so that port 0 can be told and a taken port is an error), and a worker that dies often
is started more slowly but never given up. Granian's insides are used here, in doors.py and in worker.py.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection as Pipe
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer, WorkerProcess

from pi_auto.server.crowding import MOST_CONNECTIONS
from pi_auto.server.doors import BACKLOG, Doors, serve_in_worker
from pi_auto.server.links.stopping import SOCKET, stop_hub
from pi_auto.server.settings import Address, Settings
from pi_auto.server.stalled import MOST_SILENCE, bound_silence
from pi_auto.server.trust.fleet import Certificate
from pi_auto.server.worker import load

THREADS = 224  # a live page holds one (100), and so does a download (72 at most), or who waits for that (48)
_STOP_WITHIN = 3.5  # seconds, then by force; five are promised
_MOST_FILES = 65_536  # far more than connections: many handshakes come in a second (crowding.py)
_MOST_HEAD = 128 * 1024  # bytes of a connection that granian holds at once, and so of all headers
_FIRST_DELAY, _MOST_DELAY = 0.1, 10.0
_YOUNG = 10.0
_LOGS = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}


_log = logging.getLogger(__name__)
_Granian: Any = MPServer  # the annotations of both say less than their code does
_SocketHolder: Any = SocketHolder
_wrapped: Any = WorkerProcess.wrap_target


def bind(address: Address) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; else answers wait 40 ms
        listener.bind((address.host, address.port))
        bound_silence(listener, MOST_SILENCE)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def bound_address(listener: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def serve(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[Address | None], None],
    certificate: Certificate | None = None,
    plain: socket.socket | None = None,
) -> str | None:
    """Serve until SIGTERM or SIGINT; returns why it could not, if so.

    `ready` is called once, when the worker answers, with the address the hub has bound. With a
    certificate it is TLS, and `plain` is a second socket, which says where the first one is.
    """
    if multiprocessing.get_start_method(allow_none=True) != "fork":
        multiprocessing.set_start_method("fork", force=True)  # the worker inherits the listening socket
    gc.freeze()  # what was loaded stays: the worker shares those pages for as long as nobody searches them
    _allow_files(_MOST_FILES)
    doors = Doors(certificate)
    server = _Server(listener, ready, doors)
    loader = partial(load, settings, bound_address(listener).port, server.reports_in, doors, plain)
    with contextlib.suppress(SystemExit):  # how granian says that a worker went first; `failure` says why
        server.serve(target_loader=loader, wrap_loader=False)
    if server.was_ready and settings.hub_mqtt:
        stop_hub(settings.data / "hub" / SOCKET)  # if the worker went by force, its hub is still there
    return server.failure


class _Server(_Granian):  # type: ignore[misc] # see above
    """Granian with our socket, our patience and our way to stop."""

    def __init__(
        self,
        listener: socket.socket,
        ready: Callable[[Address | None], None],
        doors: Doors,
    ) -> None:
        super().__init__(
            "pi_auto.server",
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=THREADS,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(max_buffer_size=_MOST_HEAD),
            backlog=BACKLOG,
            backpressure=MOST_CONNECTIONS,
            log_level=LogLevels.error,
            log_dictconfig=_LOGS,
            respawn_failed_workers=True,
            workers_kill_timeout=_STOP_WITHIN,
        )
        self._spawn_wsgi_worker = _wrapped(partial(serve_in_worker, doors))
        self.failure: str | None = None
        self.was_ready = False
        # A pipe, since a queue or an event that a killed worker has held can never be used again.
        self.reports_in: Pipe
        self._reports_out, self.reports_in = multiprocessing.Pipe(duplex=False)
        self._listener, self._ready = listener, ready
        self._delay = _FIRST_DELAY
        self._spawned_at = 0.0
        self._hangup_matters = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup has it ignored

    def signal_handler_reload(self, *_: Any) -> None:
        """A closed terminal ends the server as Ctrl-C does; granian would start the worker anew."""
        if self._hangup_matters:
            self.signal_handler_interrupt()

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = _SocketHolder(self._listener.fileno(), False, BACKLOG)  # no Unix socket
        self._sfd = self._listener.fileno()
        self._sso = self._listener

    def _spawn_workers(self, *arguments: Any) -> None:
        super()._spawn_workers(*arguments)
        self._spawned_at = time.monotonic()
        threading.Thread(target=self._hear, name="reports", daemon=True).start()

    def _respawn_workers(self, *arguments: Any, **named: Any) -> None:
        young = time.monotonic() - self._spawned_at < _YOUNG
        self._delay = min(2 * self._delay, _MOST_DELAY) if young else _FIRST_DELAY
        if self.main_loop_interrupt.wait(self._delay) and self.interrupt_signal:
            return
        super()._respawn_workers(*arguments, **named)
        self._spawned_at = time.monotonic()
        self.respawned_wrks.clear()  # else a second death within 5.5 s would end the server

    def _hear(self) -> None:
        """Take the worker's reports: the first ready is passed on; what goes wrong before it ends the server."""
        while True:
            failure, hub = self._reports_out.recv()
            if self.was_ready and failure:
                _log.error("the worker has trouble: %s", failure)
            elif failure:
                self.failure = failure
                self.interrupt_signal = True
                self.main_loop_interrupt.set()
            elif not self.was_ready:
                self.was_ready = True
                self._ready(hub)


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files, which is 1024 on many systems, as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
