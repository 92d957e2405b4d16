"""A socket whose every operation ends by one deadline.

A time-out of a socket starts anew with every byte, so a peer that sends one byte now and
then would hold a thread for ever. Here all operations of a request share what is left.
"""

from __future__ import annotations

import io
import socket
import time


class DeadlineSocket:
    """As much of a socket as http.client uses. Past `deadline` (time.monotonic) everything raises TimeoutError."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self.deadline = deadline

    def hurry(self) -> socket.socket:
        """The socket itself, with no more time than is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("took too long altogether")
        self._socket.settimeout(left)
        return self._socket

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.hurry().send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """What is received, as a file; the connection stays open until both are closed."""
        if mode != "rb":
            raise ValueError(f"mode is {mode!r}; allowed: 'rb'")
        return io.BufferedReader(_Received(self, self._socket.makefile("rb", buffering=0)))

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class _Received(io.RawIOBase):
    def __init__(self, sock: DeadlineSocket, received: io.RawIOBase) -> None:
        self._socket, self._received = sock, received

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override] # a BufferedReader hands in memoryviews
        self._socket.hurry()
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()
