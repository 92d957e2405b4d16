"""Lets every connection to one port through to another, and pads what comes back."""

from __future__ import annotations

import contextlib
import socket
import threading

from support.eventhub.padding import padded, split

_CHUNK = 1 << 16
_open: list[socket.socket] = []


def cut() -> None:
    """End every connection, as a network does that fails."""
    while _open:
        _end(_open.pop())


def serve(listener: socket.socket, port: int) -> None:
    """Take connections for ever; `port` is where proton listens."""
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        _open.append(client)
        for target, arguments in ((_copy, (client, server)), (_pad, (server, client))):
            threading.Thread(target=target, args=arguments, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while octets := source.recv(_CHUNK):
            sink.sendall(octets)
    _end(source, sink)


def _pad(source: socket.socket, sink: socket.socket) -> None:
    left = b""
    with contextlib.suppress(OSError):
        while octets := source.recv(_CHUNK):
            frames, left = split(left + octets)
            sink.sendall(b"".join(padded(frame) for frame in frames))
    _end(source, sink)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
