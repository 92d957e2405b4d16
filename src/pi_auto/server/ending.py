"""How the server's worker ends: by a signal, after the process that has started it, or with its writer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from pi_auto.server.background import in_background
from pi_auto.server.context import Context
from pi_auto.server.stalled import end_stalled

_LAST_ANSWERS = 0.7  # seconds for requests that are under way when the worker is to stop


class Stop:
    """What SIGTERM and SIGINT do in the worker: the first ends it, whatever comes after changes nothing.

    Ctrl-C and systemd signal every process, and the main process its worker again. Two signals
    at once may go to two threads, and Python's handlers wait for the main one, which sleeps: so
    a thread of its own hears them, and Python's handlers do nothing.
    """

    def __init__(self) -> None:
        self.told = False
        self._lock = threading.Lock()
        self._ends: list[Callable[..., Any]] = []
        self._heard, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        in_background("signals", self._listen)

    def also(self, end: Callable[..., Any], _: Any = None) -> None:
        """Call `end` too, at once if the signal has come already. Stands in for granian's set_main_signals."""
        with self._lock:
            self._ends.append(end)
            if self.told:
                end(signal.SIGTERM, None)

    def _listen(self) -> None:
        os.read(self._heard, 1)
        with self._lock:
            self.told = True
            for end in self._ends:
                end(signal.SIGTERM, None)


def end_connections(context: Context, port: int) -> None:
    """End the streams, give what is under way a moment, then cut the rest: granian would wait for it."""
    context.stop_streams()
    time.sleep(_LAST_ANSWERS)
    end_stalled(port, 0)


def leave_with_parent() -> None:
    """Leave when the main process is gone, even by SIGKILL: nobody else would stop this worker.

    At once and without a goodbye, as the main process went: a clean stop would take the hub along,
    which is to stay for the next server.
    """
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def leave_without_writer(context: Context) -> None:
    """A worker that can book nothing is of no use: the main process starts another one."""
    if context.writer.wait_for_end():
        os._exit(1)
