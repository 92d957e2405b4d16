"""Drives one HTTP server from a process of its own: prepared requests over kept connections.

Each connection sends its requests in order, the next as soon as the one before is answered,
as devices do. A request is bytes, made before the clock starts, so that what is measured is
the server. Every answer must be 200.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

_LONGEST = 30.0  # seconds without any answer
_SCHEDULED = 2  # Linux: the clock of what the scheduler gave a process, in nanoseconds where /proc has ticks


@dataclass(frozen=True, slots=True)
class Load:
    """What one drive came to: how long it took, and how long each request did, in seconds."""

    seconds: float
    waits: Sequence[float]


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it travels."""
    fields = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(body))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def drive(address: str, lines: Sequence[Sequence[bytes]]) -> Load:
    """Send each line of requests over a connection of its own, all at once, from another process."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    driver = fork.Process(target=_drive, args=(address, lines, theirs))
    driver.start()
    theirs.close()
    try:
        load: Load = ours.recv()
    except EOFError:
        raise SystemExit("the load has failed; see above") from None
    finally:
        driver.join()
    return load


def worker_of(pid: int) -> int:
    """The child of granian's main process that answers requests."""
    [worker] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def cpu_seconds(pid: int) -> float:
    """The processor time, of user and system, that all threads of a process have taken."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED)  # as clock_getcpuclockid(3) makes it


def resident_mb(pid: int) -> float:
    """The memory a process holds, in MB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class _Line:
    """One connection: the request on its way, and the answer as far as it has come."""

    def __init__(self, address: str, requests: Sequence[bytes]) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = iter(requests)
        self._answer = b""
        self._sent_at = 0.0

    def send(self) -> bool:
        """Send the next request; False when there is none."""
        request = next(self._requests, None)
        if request is not None:
            self._sent_at = time.perf_counter()
            self.socket.sendall(request)
        return request is not None

    def receive(self) -> float | None:
        """Take what has come; how long the request took, once its answer is whole."""
        octets = self.socket.recv(65536)
        self._answer += octets
        head, _, body = self._answer.partition(b"\r\n\r\n")
        if not octets or (body and not head.startswith(b"HTTP/1.1 200 ")):
            raise SystemExit(f"the server answered {self._answer[:400]!r}")
        if len(body) < _length(head) or not body:
            return None
        self._answer = b""
        return time.perf_counter() - self._sent_at


def _length(head: bytes) -> int:
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return int(fields[b"content-length"])


def _drive(address: str, lines: Sequence[Sequence[bytes]], results: Pipe) -> None:
    with selectors.DefaultSelector() as ready:
        opened = [_Line(address, requests) for requests in lines]
        start = time.perf_counter()
        for line in opened:
            if line.send():
                ready.register(line.socket, selectors.EVENT_READ, line)
        waits = list(_answers(ready))
        results.send(Load(time.perf_counter() - start, waits))
        for line in opened:
            line.socket.close()


def _answers(ready: selectors.BaseSelector) -> Iterator[float]:
    while ready.get_map():
        events = ready.select(_LONGEST)
        if not events:
            raise SystemExit(f"no answer for {_LONGEST:.0f} s")
        for key, _ in events:
            took = key.data.receive()
            if took is not None:
                yield took
                if not key.data.send():
                    ready.unregister(key.data.socket)
