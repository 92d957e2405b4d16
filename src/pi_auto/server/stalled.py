"""Ends connections on which nothing moves any more, since each may hold one of the server's threads.

A device that loses its power in the middle of a request never says so, and a download whose
reader has gone to sleep looks the same. The HTTP server below us waits for both for ever.
The kernel knows when bytes last went either way (TCP_INFO), whatever the connection is used
for: a live page hears a word every ten seconds, everything else is shorter than a minute.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MOST_SILENCE = 60  # seconds in which no byte goes either way

# struct tcp_info of linux/tcp.h: the state is its first byte, `tcpi_last_data_sent` and
# `tcpi_last_data_recv` (milliseconds ago) lie at 44 and 52.
_STATE, _SENT, _RECEIVED = 0, 44, 52
_INFO_SIZE = 56
_ESTABLISHED, _CLOSE_WAIT = 1, 8
_MILLISECONDS = struct.Struct("=I")


def bound_silence(listener: socket.socket, seconds: int) -> None:
    """Have the kernel drop the listener's connections when the peer has not confirmed anything for so long."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)  # inherited by connections


def end_stalled(port: int, older_than: float) -> int:
    """Cut connections to our `port` on which no byte has gone either way for `older_than` seconds; how many."""
    cut = 0
    for connection in _sockets():
        if _is_to(connection, port) and _silent_for(connection) >= older_than:
            with suppress(OSError):  # the peer was quicker
                connection.shutdown(socket.SHUT_RDWR)
            cut += 1
    return cut


def _sockets() -> Iterator[socket.socket]:
    """The TCP sockets of this process, each by a descriptor of our own: theirs may close under our hands.

    Nothing else is touched: closing a second descriptor of a file gives up every lock on it (fcntl(2)), and
    those on the books keep another reader from truncating what SQLite has mapped, which is a SIGBUS.
    """
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if not str(entry.readlink()).startswith("socket:"):
                continue
        with suppress(OSError), _duplicate(int(entry.name)) as found:
            if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
                yield found


def _duplicate(descriptor: int) -> socket.socket:
    """The socket behind a descriptor. Raises OSError where there is none."""
    ours = os.dup(descriptor)
    try:
        return socket.socket(fileno=ours)
    except OSError:
        os.close(ours)
        raise


def _is_to(connection: socket.socket, port: int) -> bool:
    try:
        connection.getpeername()
        return bool(connection.getsockname()[1] == port)
    except OSError:  # not connected: the listener, or one that is gone
        return False


def _silent_for(connection: socket.socket) -> float:
    """Seconds since a byte of data went either way; 0 where it is closing anyway."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    except OSError:
        return 0.0
    if len(info) < _INFO_SIZE or info[_STATE] not in (_ESTABLISHED, _CLOSE_WAIT):
        return 0.0
    moments = (_MILLISECONDS.unpack_from(info, place)[0] for place in (_SENT, _RECEIVED))
    return float(min(moments)) / 1000
