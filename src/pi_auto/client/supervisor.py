"""Runs capture and agent as two processes and starts either again when it dies.

For a person at a terminal, demos and tests; on the appliance systemd does this. A child
that dies is back at once, one that keeps dying young ever later. A child that gives up by
itself before all were ready is a fault a person must see: everything stops with its exit
code. Children watch the pipe this process holds, so none outlives it, however it goes.
"""

from __future__ import annotations

import logging
import select
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from pi_auto.client.stopping import stop_signals

log = logging.getLogger("pi_auto.supervisor")

_LIVED_WELL = 10.0  # seconds; a child that lived longer and died has its patience back
_SHORTEST, _LONGEST = 0.1, 10.0  # seconds before a dead child is started again
_STOP_WITHIN = 4.0  # seconds, then by force: the whole has to stop within five
_LOOK = 0.2  # seconds between looks whether a child has given up


class Supervisor:
    """Keeps one process for each of `commands` (name → command line) running.

    A child says that it is ready by a line on its standard output: `… ready: key=value …`.
    `on_ready` is called once, with what all of them said.
    """

    def __init__(self, commands: dict[str, Sequence[str]], on_ready: Callable[[dict[str, str]], None]) -> None:
        self._children = [_Child(name, command, self) for name, command in commands.items()]
        self._on_ready = on_ready
        self._lock = threading.Lock()
        self._announced = False
        self._code = 0
        self.stopping = threading.Event()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a child gives up at the start; the exit code."""
        threads = [threading.Thread(target=child.keep_running, name=child.name) for child in self._children]
        with stop_signals() as told:
            for thread in threads:
                thread.start()
            while not self.stopping.is_set() and not select.select([told], [], [], _LOOK)[0]:
                pass
            self.stopping.set()
            self._end(threads)
        return self._code

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        deadline = time.monotonic() + _STOP_WITHIN
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.end_by(deadline)
        for thread in threads:
            thread.join()

    def became_ready(self) -> None:
        """A child has become ready; when the last one has, say so, once."""
        with self._lock:
            if self._announced or not all(child.facts is not None for child in self._children):
                return
            self._announced = True
            facts = {key: value for child in self._children for key, value in (child.facts or {}).items()}
            with suppress(OSError):  # nobody listens (any more): no reason to stop scanning
                self._on_ready(facts)

    def pass_on(self, line: str) -> None:
        """Write what a child says to standard output, whole lines only."""
        with self._lock, suppress(OSError):
            sys.stdout.write(line)
            sys.stdout.flush()

    def ended(self, name: str, code: int) -> None:
        """A child has ended; one that gave up before all were ready takes the others along."""
        with self._lock:
            if code > 0 and not self._announced and not self.stopping.is_set():
                log.error("%s gave up at the start with exit code %d", name, code)
                self._code = code
                self.stopping.set()


class _Child:
    """One process, started again and again; `facts` is what its last ready line said."""

    def __init__(self, name: str, command: Sequence[str], supervisor: Supervisor) -> None:
        self.name = name
        self.facts: dict[str, str] | None = None
        self._command = command
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def keep_running(self) -> None:
        """Start it whenever it is not running, until the supervisor stops."""
        pause = _SHORTEST
        while not self._supervisor.stopping.is_set():
            born = time.monotonic()
            end = self._live()
            if self._supervisor.stopping.is_set():
                return
            pause = _SHORTEST if time.monotonic() - born > _LIVED_WELL else pause
            log.warning("%s %s; starting it again in %.1f s", self.name, end, pause)
            self._supervisor.stopping.wait(pause)
            pause = min(2 * pause, _LONGEST)

    def _live(self) -> str:
        """One life of it; how that ended, in words."""
        try:
            process = self._start()
        except OSError as error:  # no memory for another process, or the program is just being replaced
            return f"cannot be started ({error.strerror})"
        code = self._attend(process) if process else 0
        self._supervisor.ended(self.name, code)
        return f"ended with code {code}"

    def terminate(self) -> None:
        """Ask it to stop."""
        with self._lock:
            if self._process:
                self._process.terminate()

    def end_by(self, deadline: float) -> None:
        """Wait for its end until `deadline` (time.monotonic), then make one."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop; killing it", self.name)
            self._process.kill()

    def _start(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._supervisor.stopping.is_set():
                return None
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
            )
            return self._process

    def _attend(self, process: subprocess.Popen[str]) -> int:
        """Read what it says until it ends; its exit code, negative for a signal."""
        with process:
            for line in process.stdout or ():
                facts = _facts(line)
                if facts is None:
                    self._supervisor.pass_on(line)
                else:
                    self.facts = facts
                    self._supervisor.became_ready()
        return process.returncode


def _facts(line: str) -> dict[str, str] | None:
    """What a ready line says; nothing if it is another line."""
    _, ready, rest = line.partition(" ready:")
    if not ready:
        return None
    try:
        return dict(part.split("=", 1) for part in shlex.split(rest) if "=" in part)
    except ValueError:  # a quote that is not closed: not one of our lines
        return None
