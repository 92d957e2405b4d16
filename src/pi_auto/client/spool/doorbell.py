"""Wakes the agent when something was stored, and capture when all was sent: neither need look again and again.

A datagram on a Unix socket. It carries nothing but a letter, and may be lost: spool and marks themselves
tell what is new. The agent looks by itself now and then; capture only shows a light by it.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_MOST_BYTES = 107
_MOST_RINGS = 1000  # taken in at once: who rings faster than that keeps nobody listening for ever
# In capture's folder; the agent's own is wake.sock in its folder.
SENT, WANTED, IDENTIFY = "sent.sock", "wanted.sock", "identify.sock"
PLAIN, UPDATE = b"!", b"u"  # the latter at the agent's bell: somebody wants an update now


class Bell:
    """Who is rung: a bound socket at `path`, in the place of whatever an earlier process has left there.

    Ringing means writing to it; `mode` says who may, where the process's file mask does not.
    """

    def __init__(self, path: Path, mode: int | None = None) -> None:
        self._path = path
        self._heard: set[bytes] = set()
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with short_name(path) as name:
            self._socket.bind(name)
            if mode is not None:
                os.chmod(name, mode)  # noqa: PTH101 - a name under /proc

    def fileno(self) -> int:
        """Readable once it has rung, until `silence`."""
        return self._socket.fileno()

    def wait(self, timeout: float) -> bool:
        """Whether it rang, at the latest after `timeout` seconds. Rings that came together count as one."""
        ready, _, _ = select.select([self._socket], [], [], timeout)
        if ready:
            self.silence()
        return bool(ready)

    def silence(self) -> None:
        """Take in all rings so far, or as many as wait where nobody means harm."""
        with suppress(BlockingIOError):
            for _ in range(_MOST_RINGS):
                self._heard.add(self._socket.recv(1))

    def heard(self, letter: bytes) -> bool:
        """Whether that has been rung since it was last asked for."""
        was_heard = letter in self._heard
        self._heard.clear()
        return was_heard

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ring(path: Path, letter: bytes = PLAIN) -> None:
    """Ring the bell at `path`. Never blocks and never fails: who is away will look for itself."""
    with suppress(OSError):
        if _is_short(path):  # which the next line would find as well, and take longer for it
            _hand().sendto(letter, str(path))
            return
        with short_name(path) as name:
            _hand().sendto(letter, name)


@cache
def _hand() -> socket.socket:
    """By which this process rings, every bell: a scan is told as stored sooner without a new one each time."""
    hand = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    atexit.register(hand.close)
    return hand


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """The path in a few bytes, since a socket's address holds no more than 107 of them."""
    if _is_short(path):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _is_short(path: Path) -> bool:
    return len(os.fsencode(path)) <= _MOST_BYTES
