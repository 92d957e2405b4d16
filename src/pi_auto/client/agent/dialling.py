"""Opens the TCP connections of the agent: straight, or through the HTTP proxy of the site by CONNECT.

All of it is over by one deadline and bounded in size, whatever the proxy does. Source:
RFC 9110 9.3.6: after an answer of 2xx the connection is the target's.
"""

from __future__ import annotations

import re
import socket
import time

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.agent.line import Line
from pi_auto.client.proxy import Proxy
from pi_auto.wire.escape import printable

_MOST_HEAD = 16 * 1024  # bytes of the proxy's answer
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})([^\r\n]*)")
_WANTS_LOGIN = 407


class TunnelError(OSError):
    """The proxy does not open a way to the target; the sentence says what it answered."""


def dial(
    target: tuple[str, int],
    proxy: Proxy | None,
    deadline: float,
    line: Line | None = None,
    through: str | None = None,
) -> socket.socket:
    """A connection to the target by `deadline` (time.monotonic), held by `line` from its first packet on.

    It goes by the interface `through` alone, if one is named. Raises OSError, and UnicodeError for an odd name.
    """
    sock = _connected(proxy.address if proxy else target, deadline, line, through)
    try:
        if proxy:
            open_tunnel(sock, target, deadline)
    except BaseException:
        sock.close()
        raise
    return sock


def _connected(address: tuple[str, int], deadline: float, line: Line | None, through: str | None) -> socket.socket:
    """As socket.create_connection, which shows its socket to nobody before it is connected."""
    failure: OSError = OSError("the name leads to no address")
    for family, kind, protocol, _, found in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            if line:
                line.hold(sock)
            if through:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, through.encode() + b"\0")
            sock.settimeout(max(0.1, deadline - time.monotonic()))
            sock.connect(found)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


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
