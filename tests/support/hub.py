"""A real hub process for a test, and its Unix socket.

with running_hub(tmp_path) as hub:
    connection_string = hub.put_device("pi-1")
    with hub.events(after=0) as events:
        event = events.next()
"""

from __future__ import annotations

import json
import os
import select
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.client.spool.doorbell import short_name
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import Event
from support.waiting import wait_until

PATIENCE = 15.0  # seconds; the machine may be busy
LONGEST_FOLDER = 90  # bytes; a socket's path in it has at most 107, and where temporary files lie is not ours
ORPHAN_TIMEOUT = 600  # seconds; should a test be killed, its hub does not stay for ever


class RunningHub:
    """One hub under `folder`; started again after `kill` or `stop` it listens at the same place."""

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        options: tuple[str, ...] = (),
        output: int | None = None,
    ) -> None:
        """`output` is a descriptor for its events (options `--events -`); the ready line is on stderr then."""
        self.data = folder / "hub"
        self.socket = self.data / "hub.sock"
        self.errors = folder / "hub.stderr"
        self.mqtt_address = (host, port)
        self.https_address = ("", 0)
        self.options = options
        self._output = output
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running hub."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it and wait until it is ready; AssertionError shows what it said if it ends instead."""
        host, port = self.mqtt_address
        command = [sys.executable, "-m", "pi_auto.hub.cli", "run", "--data", str(self.data), "--host", host]
        command += ["--mqtt-port", str(port), "--orphan-timeout", str(ORPHAN_TIMEOUT), *self.options]
        folder = None
        if len(os.fsencode(self.data)) > LONGEST_FOLDER and "--socket" not in self.options:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder, command = self.data, [*command, "--socket", "hub.sock"]  # as a server starts it
        self._said_before = self.errors.stat().st_size if self.errors.exists() else 0
        stdout = subprocess.PIPE if self._output is None else self._output
        with self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors, text=True
            )
        bound = dict(word.split("=", 1) for word in shlex.split(self._ready_line()) if "=" in word)
        self.socket = Path(bound["socket"])
        if bound["mqtt"] != "off":
            address, _, number = bound["mqtt"].rpartition(":")
            self.mqtt_address = (address.strip("[]"), int(number))
        if bound["https"] != "off":
            address, _, number = bound["https"].rpartition(":")
            self.https_address = (address.strip("[]"), int(number))
        return self

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(subprocess.Popen.terminate)

    def wait(self) -> int:
        """Wait for one that ends by itself; the exit code."""
        return self._end(lambda _: None)

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request on the hub's socket and its answer."""
        with connected(self.socket) as connection, connection.makefile("rwb") as lines:
            lines.write(json.dumps(request).encode() + b"\n")
            lines.flush()
            answer: dict[str, Any] = json.loads(lines.readline())
            return answer

    def put_device(self, device_id: str) -> ConnectionString:
        """Make sure the hub knows a device."""
        answer = self.ask(op="put_device", device_id=device_id)
        assert answer["ok"], answer
        return ConnectionString(answer["host"], device_id, answer["primary_key"])

    def events(self, after: int = 0) -> EventStream:
        """The events after a sequence number, old ones first, then live."""
        return EventStream(self.socket, after)

    def log(self) -> str:
        """All that the hub has written to stderr."""
        return self.errors.read_text()

    def _ready_line(self) -> str:
        process = self._process
        assert process is not None
        if process.stdout is None:
            return wait_until(self._ready_line_of_log, PATIENCE, "the ready line on stderr")
        readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline() if readable else ""
        if not line.startswith("pi-auto-hub ready: "):
            self.kill()
            raise AssertionError(f"the hub is not ready: {line!r}\n{self.log()}")
        return line

    def _ready_line_of_log(self) -> str | None:
        said = self.errors.read_bytes()[self._said_before :].decode()
        return next((line for line in said.splitlines() if line.startswith("pi-auto-hub ready: ")), None)

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        how(process)
        try:
            return process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


class EventStream:
    """A reader of events with patience, to be closed. Iterating goes on until the hub closes."""

    def __init__(self, path: Path, after: int) -> None:
        self._connection = connected(path)
        self._buffer = b""
        self._connection.sendall(json.dumps({"op": "events", "after": after}).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading."""
        self._connection.close()

    def line(self, timeout: float = PATIENCE) -> bytes:
        """The next line, empty at the end; AssertionError when there is none in time."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                piece = self._connection.recv(1 << 16)
            except TimeoutError:
                raise AssertionError(f"no event within {timeout} s") from None
            if not piece:
                return b""
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def next(self, timeout: float = PATIENCE) -> Event:
        """The next event."""
        line = self.line(timeout)
        assert line, "the hub has closed the stream"
        return Event.from_json(json.loads(line))

    def take(self, count: int, timeout: float = PATIENCE) -> list[Event]:
        """The next `count` events."""
        return [self.next(timeout) for _ in range(count)]

    def until(self, wanted: Callable[[Event], bool], timeout: float = PATIENCE) -> list[Event]:
        """The next events up to the first that is `wanted`, itself included."""
        found = [self.next(timeout)]
        while not wanted(found[-1]):
            found.append(self.next(timeout))
        return found

    def __iter__(self) -> Iterator[Event]:
        while line := self.line():
            yield Event.from_json(json.loads(line))


@contextmanager
def running_hub(folder: Path, *options: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningHub]:
    """A hub that runs inside the block; `options` are further ones of `pi-auto-hub run`."""
    hub = RunningHub(folder, host=host, port=port, options=options)
    try:
        yield hub.start()
    finally:
        hub.kill()


def connected(path: Path) -> socket.socket:
    """A connection to the hub's socket, to be closed."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    try:
        with short_name(path) as name:  # a server's hub has a path of any length
            connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection
