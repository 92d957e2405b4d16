"""Opens the TCP connections of the agent: straight, or through the HTTP proxy of the site by CONNECT.

All of it is over by one deadline and bounded in size, whatever the proxy does. Source:
RFC 9110 9.3.6: after an answer of 2xx the connection is the target's.
"""

from __future__ import annotations

import re
import socket
import time

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.proxy import Proxy
from pi_auto.wire.escape import printable

_MOST_HEAD = 16 * 1024  # bytes of the proxy's answer
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})([^\r\n]*)")
_WANTS_LOGIN = 407


class TunnelError(OSError):
    """The proxy does not open a way to the target; the sentence says what it answered."""


def dial(
    target: tuple[str, int], proxy: Proxy | None, deadline: float, through: str | None = None
) -> socket.socket:
    """A connection to the target by `deadline` (time.monotonic). OSError, and UnicodeError for an odd name.

    It goes by the interface `through` alone, if one is named.
    """
    address, patience = proxy.address if proxy else target, max(0.1, deadline - time.monotonic())
    sock = (
        _connected_through(through, address, patience) if through else socket.create_connection(address, patience)
    )
    try:
        if proxy:
            open_tunnel(sock, target, deadline)
    except BaseException:
        sock.close()
        raise
    return sock


def _connected_through(interface: str, address: tuple[str, int], patience: float) -> socket.socket:
    """A connection by the routes of one interface. Raises OSError."""
    trouble: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(patience)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            sock.connect(where)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble or OSError(f"{address[0]} has no address")


def open_tunnel(sock: socket.socket, target: tuple[str, int], deadline: float) -> None:
    """Make a connection to a proxy one to the target. Raises OSError; TunnelError for what the proxy says."""
    host, port = target
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    hurried = DeadlineSocket(sock, deadline)
    hurried.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode())
    found = _STATUS.match(_head(hurried))
    if not found:
        raise TunnelError("what answers at the proxy's address is no HTTP proxy")
    status = int(found[1])
    if status == _WANTS_LOGIN:
        raise TunnelError("the proxy wants a user and a password (status 407); this client gives none")
    if not 200 <= status < 300:
        raise TunnelError(
            f"the proxy opens no way to {where}: {status}{printable(found[2].decode('latin-1'))[:100]}"
        )
    hurried.hurry()


def _head(sock: DeadlineSocket) -> bytes:
    """The answer up to its empty line, and no byte more: what follows is the target's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        octet = sock.hurry().recv(1)
        if not octet or len(head) >= _MOST_HEAD:
            raise TunnelError("the proxy hung up" if not octet else "the proxy's answer does not end")
        head += octet
    return bytes(head)
