"""Whether a network's log-in page answers in the server's place (a captive portal).

Such a network swallows TLS, and answers plain HTTP itself, whoever is asked: by a page, or by sending
elsewhere. What is asked is what discovery asks of everybody, and says nothing of the device.
"""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.wire.escape import printable

_ASKED = "/api/health"
_PORTS = (5000, 80)  # of our server without TLS; of every portal
_PATIENCE = 2.0  # seconds for each
_MOST = 4096  # bytes
_REDIRECT = re.compile(rb"HTTP/1\.[01] 30[12378] ")
_PLACE = re.compile(rb"\r\nLocation:[ \t]*([^\r\n]{1,500})", re.IGNORECASE)
_PAGE = re.compile(rb"<(!doctype html|html|head|body|script)\b", re.IGNORECASE)


def portal_at(host: str, ports: tuple[int, ...] = _PORTS) -> str:
    """What stands in between when `host` is asked; empty if nothing does that would be noticed."""
    for port in ports:
        with suppress(OSError):
            if said := told_by(_answer(host, port)):
                return said
    return ""


def told_by(octets: bytes) -> str:
    """The same of an answer. A server that sends to its own address with TLS is no portal."""
    head, _, body = octets.partition(b"\r\n\r\n")
    if _REDIRECT.match(head):
        found = _PLACE.search(head)
        place = printable(found[1].decode("latin-1")).strip() if found else "nowhere"
        return "" if place.partition("?")[0].endswith(_ASKED) else f"it sends to {place[:200]}"
    return "it shows a page" if head.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")) and _PAGE.search(body) else ""


def _answer(host: str, port: int) -> bytes:
    """The beginning of it, and no more. Raises OSError."""
    until = time.monotonic() + _PATIENCE
    with socket.create_connection((host, port), _PATIENCE) as sock:
        hurried = DeadlineSocket(sock, until)
        hurried.sendall(f"GET {_ASKED} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        octets = b""
        with suppress(TimeoutError):
            while len(octets) < _MOST and (more := hurried.hurry().recv(_MOST)):
                octets += more
        return octets
