"""Sends the packets of `script/bench hub` from a process of its own, whose time is not counted.

`flood` keeps a window of unanswered packets full on every connection; `pace` sends so many a
second, each from the next device in turn, as a fleet's heartbeats come. A report counts once it is
answered with 204 where the peer answers reports at all, and every packet once it is acknowledged.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hub_lines import Ring

_LONGEST = 30.0  # seconds without any answer
_PUBACK, _PUBLISH = 0x40, 0x30


@dataclass(slots=True)
class Line:
    """A connection, what it sends, and how far it has come."""

    socket: socket.socket
    ring: Ring
    sent: int = 0
    answered: int = 0
    rest: bytes = b""

    def send(self, count: int) -> None:
        """Send the next packets."""
        self.socket.sendall(self.ring.take(self.sent, count))
        self.sent += count

    def receive(self) -> int:
        """Take what has come; how many packets are acknowledged by it."""
        octets = self.socket.recv(65536)
        if not octets:
            raise SystemExit("the peer has closed a connection")
        count, self.rest = _acknowledged(self.rest + octets)
        self.answered += count
        return count


def flood(lines: Sequence[Line], window: int, each: int) -> None:
    """Send `each` packets over every line, at most `window` of them unanswered at any time."""
    _apart(lambda: _flood(lines, window, each))


def pace(lines: Sequence[Line], rate: float, seconds: float) -> None:
    """Send `rate` packets a second for so long, one from each line in turn."""
    _apart(lambda: _pace(lines, rate, seconds))


def _apart(work: Callable[[], None]) -> None:
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the load has failed; see above")


def _flood(lines: Sequence[Line], window: int, each: int) -> None:
    with _watched(lines) as ready:
        for line in lines:
            line.send(min(window, each))
        open_lines = len(lines)
        while open_lines:
            for line in _heard(ready, _LONGEST):
                count = min(line.receive(), each - line.sent)
                if count:
                    line.send(count)
                open_lines -= line.answered == each


def _pace(lines: Sequence[Line], rate: float, seconds: float) -> None:
    start, total = time.monotonic(), int(rate * seconds)
    with _watched(lines) as ready:
        for number in range(total):
            while (wait := start + number / rate - time.monotonic()) > 0:
                for line in _heard(ready, wait):
                    line.receive()
            lines[number % len(lines)].send(1)
        while any(line.answered < line.sent for line in lines):
            for line in _heard(ready, _LONGEST):
                line.receive()


def _watched(lines: Sequence[Line]) -> selectors.BaseSelector:
    ready = selectors.DefaultSelector()
    for line in lines:
        ready.register(line.socket, selectors.EVENT_READ, line)
    return ready


def _heard(ready: selectors.BaseSelector, wait: float) -> Iterator[Line]:
    """The lines that have something, within so many seconds; only those of _LONGEST must have."""
    events = ready.select(wait)
    if not events and wait >= _LONGEST:
        raise SystemExit(f"no answer for {_LONGEST:.0f} s")
    return (key.data for key, _ in events)


def _acknowledged(octets: bytes) -> tuple[int, bytes]:
    """How many PUBACKs these packets hold, and what is left of the last; every other one must say 204."""
    count = place = 0
    while place + 2 <= len(octets):
        kind, end = octets[place], place + 2 + octets[place + 1]  # answers are short: one octet of length
        if end > len(octets):
            break
        if kind == _PUBACK:
            count += 1
        elif kind != _PUBLISH or b"/res/204/" not in octets[place:end]:
            raise SystemExit(f"the peer answered {octets[place:end]!r}")
        place = end
    return count, octets[place:]
