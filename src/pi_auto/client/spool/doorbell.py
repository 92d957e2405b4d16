"""Wakes the agent when something was stored, so that it need not look again and again.

A datagram on a Unix socket. It carries nothing and may be lost: the spool itself tells
what is new, and the agent looks by itself now and then.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Bell:
    """The agent's side: a bound socket at `path`, in the place of whatever an earlier agent has left there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with _short_name(path) as name:
            self._socket.bind(name)

    def wait(self, timeout: float) -> bool:
        """Whether it rang, at the latest after `timeout` seconds. Rings that came together count as one."""
        ready, _, _ = select.select([self._socket], [], [], timeout)
        with suppress(BlockingIOError):
            while ready:
                self._socket.recv(1)
        return bool(ready)

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ring(path: Path) -> None:
    """Ring the bell at `path`. Never blocks and never fails: an agent that is away will look for itself."""
    with (
        suppress(OSError),
        _short_name(path) as name,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bell,
    ):
        bell.sendto(b"!", name)


@contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """The path in a few bytes, since a socket's address holds no more than 107 of them."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
