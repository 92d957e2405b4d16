"""The HTTP servers of one worker, on its one socket: the newest takes connections, those before it end theirs.

A server of granian keeps the certificate that it was made with. So a new certificate gets a new
server beside the old one; the old one answers what it has begun and then ends, and no request
is cut off. Granian's insides are used here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import _signals
from granian._futures import _new_cbscheduler
from granian._granian import SocketHolder, WorkerSignal, WSGIWorker
from granian.constants import SSLProtocols
from granian.server.common import WORKERS_METHODS
from granian.wsgi import _callback_wrapper

from pi_auto.server.links.tls import in_memory
from pi_auto.server.trust.fleet import Certificate

Tls = tuple[Any, ...]
Start = Callable[[Tls, Callable[[], None]], Callable[[], None]]
BACKLOG = 1024  # connections that wait to be accepted: a whole fleet comes back at once
_PLAIN: Tls = (False, None, None, None, str(SSLProtocols.tls12), None, [], False)
_Worker: Any = WSGIWorker  # its annotations lack a parameter
_SocketHolder: Any = SocketHolder
_new_scheduler: Any = _new_cbscheduler


class Doors:
    """One worker's servers. Without a certificate there is one, and it speaks without TLS."""

    def __init__(self, certificate: Certificate | None = None) -> None:
        self._certificate = certificate
        self._start: Start | None = None
        self._ends: list[Callable[[], None]] = []
        self._open: list[threading.Event] = []
        self._lock = threading.Lock()

    def open(self, start: Start) -> None:
        """Serve. `start` is given TLS and what to call when it has ended; it answers how to end it."""
        with self._lock:
            self._start = start
            self._open_one()

    def renew(self) -> None:
        """Have new connections served with the certificate that lies there now. Raises TrustError."""
        with self._lock:
            before = self._ends[:]
            self._open_one()
            for end in before:
                end()

    def close(self) -> None:
        """End every server, each when it has answered what it has begun."""
        with self._lock:
            for end in self._ends:
                end()

    def wait(self) -> None:
        """Wait until all have ended, those that come meanwhile too."""
        while waiting := [event for event in self._open if not event.is_set()]:
            waiting[0].wait()

    def _open_one(self) -> None:
        if self._start is None:
            return
        ended = threading.Event()
        self._ends = [self._started(self._start, ended)]
        self._open = [*(event for event in self._open if not event.is_set()), ended]

    def _started(self, start: Start, ended: threading.Event) -> Callable[[], None]:
        if self._certificate is None:
            return start(_PLAIN, ended.set)
        with in_memory(self._certificate.pem_in_the_clear()) as descriptor:
            return start(_tls(f"/proc/self/fd/{descriptor}"), ended.set)


def serve_in_worker(doors: Doors, number: int, app: Any, sock: Any, ipc: Any, loop: Any, *rest: Any) -> None:
    """What granian's own function for a worker does, but by `doors`: serve `app` until a signal comes."""
    (
        mode, threads, blocking, py_threads, idle, backpressure, _, http, http1, http2, _, static, log, _, scope,
        metrics,
    ) = rest  # fmt: skip
    wrapped = _callback_wrapper(app, scope, log)
    kept: list[Any] = []

    def start(tls: Tls, ended: Callable[[], None]) -> Callable[[], None]:
        signal = WorkerSignal()
        signal.add_cb(ended)
        settings = (threads, blocking, py_threads, idle, backpressure, http, http1, http2, static)
        listener = os.dup(sock[1].get_fd())  # a server closes its own when it ends
        own = (None, _SocketHolder(listener, False, BACKLOG))
        worker = _Worker(number, own, ipc, *settings, *tls, metrics)
        scheduler = _new_scheduler(loop, wrapped)
        getattr(worker, WORKERS_METHODS[mode][False])(scheduler, loop, signal)
        kept.append((worker, scheduler))  # one that is collected serves nobody
        return signal.set

    doors.open(start)
    hear: Any = _signals.set_main_signals  # worker.py has put its own there
    hear(partial(_close, doors))
    doors.wait()


def _close(doors: Doors, *_: Any) -> None:
    doors.close()


def _tls(file: str) -> Tls:
    """What granian takes for TLS; certificate and key are read at once.

    The key comes by a file in memory: granian 2.8 cannot read an encrypted key on a curve, and a key in the
    clear is to lie on no disk. Granian's own floor would be TLS 1.3.
    """
    return (True, file, file, None, str(SSLProtocols.tls12), None, [], False)
