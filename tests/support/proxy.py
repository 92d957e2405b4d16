"""A small HTTP proxy that knows CONNECT alone and counts, and a door in a firewall; they can be told to misbehave.

with ConnectProxy() as proxy:
    ...
    assert proxy.asked == ["hub.test:443"]
"""

from __future__ import annotations

import selectors
import socket
from dataclasses import dataclass, field

from support.listener import Listener

_MOST_HEAD = 8192


@dataclass
class ConnectProxy(Listener):
    """`asked` holds the targets in order, `carried` how many bytes went either way; `ports` are those allowed."""

    answer: bytes | None = None  # sent in place of opening a way, and nothing more
    resolve: dict[str, tuple[str, int]] = field(default_factory=dict)  # where a target really is
    ports: frozenset[int] | None = None
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    carried: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, sock: socket.socket) -> None:
        self._open.add(sock)
        try:
            with sock:
                self.serve(sock)
        except OSError:
            pass
        finally:
            self._open.discard(sock)

    def serve(self, sock: socket.socket) -> None:
        """Do as one is asked to on a new connection."""
        head = b""
        while not head.endswith(b"\r\n\r\n") and len(head) < _MOST_HEAD:
            octet = sock.recv(1)
            if not octet:
                return
            head += octet
        self.heads.append(head)
        method, target, _ = head.decode().split(" ", 2)
        self.asked.append(target)
        if self.answer is not None:
            sock.sendall(self.answer)
            while self.answer and sock.recv(1024):
                pass
            return
        host, _, port = target.rpartition(":")
        if method != "CONNECT" or (self.ports and int(port) not in self.ports):
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.resolve.get(target, (host.strip("[]"), int(port))), 5) as far:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.carry(sock, far)

    def carry(self, near: socket.socket, far: socket.socket) -> None:
        """Carry both ways until one side hangs up."""
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(1 << 16)
                    if not data:
                        return
                    self.carried += len(data)
                    key.data.sendall(data)


@dataclass
class Door(ConnectProxy):
    """A port behind which something else is, without a word: a firewall that lets it through."""

    leads_to: tuple[str, int] = ("127.0.0.1", 0)

    def serve(self, sock: socket.socket) -> None:
        """Let it through."""
        self.asked.append("")
        with socket.create_connection(self.leads_to, 5) as far:
            self.carry(sock, far)
