"""The server's end of the hub's Unix socket: JSON lines over a connection, bounded in size and time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.server.links.base import HubRefused, HubUnavailable
from pi_auto.wire.hublink import MOST_LINE

_CHUNK = 256 * 1024
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred, see unix(7)


class HubSocket:
    """One connection to the hub. Every failure is HubUnavailable: the hub may be starting again."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            _connect(self._socket, path)
        except OSError as error:
            self._socket.close()
            raise HubUnavailable(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def hang_up(self) -> None:
        """End the conversation, from any thread: whoever waits for a line is woken by HubUnavailable."""
        with contextlib.suppress(OSError):  # not connected any more
            self._socket.shutdown(socket.SHUT_RDWR)

    def patience(self, timeout: float | None) -> None:
        """Wait so many seconds for a line from here on; None for ever."""
        self._socket.settimeout(timeout)

    def listener(self) -> int:
        """The process that listens at the other end. The kernel says so: one that hangs could not."""
        pid, _, _ = _CREDENTIALS.unpack(
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        return int(pid)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer; one that says no raises HubRefused with its words."""
        answer = self.answer(request)
        self.refuse_no(request, answer)
        return answer

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer, a no as well; empty where it is none at all."""
        self.send(request)
        answer = decode(next(iter(self.lines()))[0])
        return answer if isinstance(answer, dict) else {}

    @staticmethod
    def refuse_no(request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Raise HubRefused, with the hub's words, for an answer that says no."""
        if answer.get("ok") is not True:
            raise HubRefused(f"the hub refused {request['op']}: {answer.get('error')}")

    def send(self, request: dict[str, Any]) -> None:
        """Send a request."""
        try:
            self._socket.sendall(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise HubUnavailable(str(error)) from error

    def lines(self) -> Iterator[list[bytes]]:
        """Lines as they come, in groups of those that came together; HubUnavailable at the end of the stream."""
        while True:
            *whole, self._buffer = (self._buffer + self._receive()).split(b"\n")
            if len(self._buffer) > MOST_LINE:
                raise HubUnavailable(f"the hub sent a line of more than {MOST_LINE} bytes")
            if whole:
                yield whole

    def _receive(self) -> bytes:
        try:
            octets = self._socket.recv(_CHUNK)
        except OSError as error:
            raise HubUnavailable(str(error) or "no answer in time") from error
        if not octets:
            raise HubUnavailable("the hub closed the connection")
        return octets


def decode(line: bytes) -> Any:
    """A line as values; nothing if it is not JSON. NaN, which Python reads and JSON has not, becomes null."""
    try:
        return json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _connect(client: socket.socket, path: Path) -> None:
    """Connect through the folder's descriptor: a socket's own path may have 107 bytes only, a data folder more."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        client.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
