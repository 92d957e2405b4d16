"""Runs the server's two processes: the main one holds the listening socket, the worker answers requests.

Granian starts the worker again when it dies. What is changed here about it: we bind the
socket (so that port 0 can be told and a taken port is an error), a worker that dies often is
started more slowly but never given up, and streams are ended before the worker is asked to
stop. All use of granian's insides is in this file.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.util import Finalize
from typing import Any

from flask import Flask
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from pi_auto.server.app import create_app
from pi_auto.server.context import Context, open_context
from pi_auto.server.links.local import LocalLink
from pi_auto.server.links.supervisor import HubFailed
from pi_auto.server.settings import Address, Settings
from pi_auto.server.store.engine import StoreError

THREADS = 128  # a live page holds one: fifty of them leave room for the devices
HUB_READY_WITHIN = 20.0  # seconds
_STOP_WITHIN = 4  # seconds, then by force; five are promised
_BACKLOG = 1024
_FIRST_DELAY, _MOST_DELAY = 0.1, 10.0
_YOUNG = 10.0
_LOGS = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}


_log = logging.getLogger(__name__)
_Granian: Any = MPServer  # the annotations of both say less than their code does
_SocketHolder: Any = SocketHolder


def bind(address: Address) -> socket.socket:
    """A listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; else answers wait 40 ms
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def bound_address(listener: socket.socket) -> Address:
    """Where a socket listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def serve(settings: Settings, listener: socket.socket, ready: Callable[[Address | None], None]) -> str | None:
    """Serve until SIGTERM or SIGINT; returns why it could not, if so.

    `ready` is called once, when the worker answers, with the address the hub has bound.
    """
    if multiprocessing.get_start_method(allow_none=True) != "fork":
        multiprocessing.set_start_method("fork", force=True)  # the worker inherits the listening socket
    server = _Server(listener, ready)
    loader = partial(_load, settings, server.reports_in, server.stop_out)
    with contextlib.suppress(SystemExit):  # how granian says that a worker went first; `failure` says why
        server.serve(target_loader=loader, wrap_loader=False)
    return server.failure


class _Server(_Granian):  # type: ignore[misc] # see above
    """Granian with our socket, our patience and our way to stop."""

    def __init__(self, listener: socket.socket, ready: Callable[[Address | None], None]) -> None:
        super().__init__(
            "pi_auto.server",
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=THREADS,
            http=HTTPModes.http1,
            backlog=_BACKLOG,
            log_level=LogLevels.error,
            log_dictconfig=_LOGS,
            respawn_failed_workers=True,
            workers_kill_timeout=_STOP_WITHIN,
        )
        self.failure: str | None = None
        # Pipes, since an event that a killed worker has waited for can never be set again.
        self.reports_in: Pipe
        self.stop_out: Pipe
        self._reports_out, self.reports_in = multiprocessing.Pipe(duplex=False)
        self.stop_out, self._stop_in = multiprocessing.Pipe(duplex=False)
        self._listener, self._ready = listener, ready
        self._delay = _FIRST_DELAY
        self._spawned_at = 0.0

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = _SocketHolder(self._listener.fileno(), False, _BACKLOG)  # no Unix socket
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

    def _stop_workers(self) -> None:
        self._stop_in.send(True)
        super()._stop_workers()

    def _hear(self) -> None:
        """Take the worker's reports: the first ready is passed on; what goes wrong before it ends the server."""
        told = False
        while True:
            failure, hub = self._reports_out.recv()
            if told and failure:
                _log.error("the worker has trouble: %s", failure)
            elif failure:
                self.failure = failure
                self.interrupt_signal = True
                self.main_loop_interrupt.set()
            elif not told:
                told = True
                self._ready(hub)


def _load(settings: Settings, reports: Pipe, stop: Pipe) -> Flask:
    """The worker's start: open everything, and hand granian the app."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # until granian sets its own: fork has copied the main process's
    _in_background("parent", _leave_with_parent)
    try:
        context = open_context(settings)
    except (StoreError, HubFailed) as error:
        reports.send((str(error), None))
        sys.exit(1)
    Finalize(None, context.close, exitpriority=10)
    _in_background("stopping", _end_streams, stop, context)
    _in_background("ready", _report_ready, reports, context)
    return create_app(settings, context)


def _report_ready(reports: Pipe, context: Context) -> None:
    try:
        hub = context.link.wait_bound(HUB_READY_WITHIN) if isinstance(context.link, LocalLink) else None
    except HubFailed as error:
        reports.send((str(error), None))
        return
    reports.send((None, hub))


def _end_streams(stop: Pipe, context: Context) -> None:
    stop.recv()
    context.stop_streams()


def _leave_with_parent() -> None:
    """Leave when the main process is gone, even by SIGKILL: nobody else would stop this worker.

    At once and without a goodbye, as the main process went: a clean stop would take the hub along,
    which is to stay for the next server.
    """
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _in_background(name: str, target: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=target, args=arguments, name=name, daemon=True).start()
