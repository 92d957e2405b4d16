"""Ends connections on which nothing moves any more, since each may hold one of the server's threads.

A device that loses its power in the middle of a request never says so, and a download whose
reader has gone to sleep looks the same. The HTTP server below us waits for both for ever.
The kernel knows when bytes last went either way (TCP_INFO), whatever the connection is used
for: a live page hears a word every ten seconds, everything else is shorter than a minute.
"""

from __future__ import annotations

import os
import resource
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_SILENCE = 60  # seconds in which no byte goes either way

# struct tcp_info of linux/tcp.h: the state is its first byte, `tcpi_last_data_sent` and
# `tcpi_last_data_recv` (milliseconds ago) lie at 44 and 52.
_STATE, _SENT, _RECEIVED = 0, 44, 52
_WAITING = slice(24, 28)
_MOST_DESCRIPTORS = 100_000  # that are tried, in a tenth of a second
_INFO_SIZE = 56
_ESTABLISHED, _CLOSE_WAIT = 1, 8
_MILLISECONDS = struct.Struct("=I")


def bound_silence(listener: socket.socket, seconds: int) -> None:
    """Have the kernel drop the listener's connections when the peer has not confirmed anything for so long."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)  # inherited by connections


def end_stalled(port: int, older_than: float) -> int:
    """Cut connections to our `port` on which no byte has gone either way for `older_than` seconds; how many."""
    cut = 0
    for connection in connections_to(port):
        if silent_for(connection) >= older_than:
            with suppress(OSError):  # the peer was quicker
                connection.shutdown(socket.SHUT_RDWR)
            cut += 1
    return cut


def connections_to(port: int) -> Iterator[socket.socket]:
    """The connections of this process to its own `port`, each to be used before the next is asked for."""
    return (each for each in _sockets() if _is_to(each, port))


def listeners_at(port: int) -> list[socket.socket]:
    """Copies of the sockets of this process that listen on `port`, for as long as it runs."""
    found = [each.fileno() for each in _sockets() if _listens_at(each, port)]  # before there are copies
    return [socket.socket(fileno=os.dup(descriptor)) for descriptor in found]


def waiting_at(listener: socket.socket) -> int:
    """How many connections wait to be accepted: `tcpi_unacked` of a socket that listens."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    return int.from_bytes(info[_WAITING], sys.byteorder)


def descriptors() -> list[int]:
    """Those of this process; none of them where none is left to look with."""
    try:
        return [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    except OSError:
        return []


def _all_that_may_be() -> range:
    return range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MOST_DESCRIPTORS))


def _sockets() -> Iterator[socket.socket]:
    """The TCP sockets of this process, looked at by their own descriptors, which may close under our hands.

    Nothing is duplicated, since nothing may be closed: POSIX drops all locks that a process has on a file as
    soon as it closes any descriptor of it, and without its locks the books' log is thrown away by the next reader.
    """
    for descriptor in descriptors() or _all_that_may_be():
        with suppress(OSError), borrowed(descriptor) as found:
            if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
                yield found


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket]:
    """The socket of a descriptor. Raises OSError where it is none."""
    found = socket.socket(fileno=descriptor)
    try:
        yield found
    finally:
        found.detach()


def _listens_at(found: socket.socket, port: int) -> bool:
    listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return bool(listens and found.getsockname()[1] == port)


def _is_to(connection: socket.socket, port: int) -> bool:
    try:
        connection.getpeername()
        return bool(connection.getsockname()[1] == port)
    except OSError:  # not connected: the listener, or one that is gone
        return False


def silent_for(connection: socket.socket) -> float:
    """Seconds since a byte of data went either way; 0 where it is closing anyway."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    except OSError:
        return 0.0
    if len(info) < _INFO_SIZE or info[_STATE] not in (_ESTABLISHED, _CLOSE_WAIT):
        return 0.0
    moments = (_MILLISECONDS.unpack_from(info, place)[0] for place in (_SENT, _RECEIVED))
    return float(min(moments)) / 1000
