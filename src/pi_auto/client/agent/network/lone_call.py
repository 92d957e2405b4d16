"""One call over a connection of its own, by a TLS context of its own: where the usual verification cannot be had.

Whoever calls says what such an answer is worth. It is bounded in size, and all of it in time.
"""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.agent.dialling import dial
from pi_auto.client.endpoint import Endpoint
from pi_auto.version import __version__

_HEADERS = {"Accept": "application/json", "Connection": "close", "User-Agent": f"pi-auto-client/{__version__}"}


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked; with a `body`, JSON, it is a POST. The answer has at most so many bytes."""

    path: str
    most: int
    body: bytes | None
    patience: float  # seconds altogether


def answer_to(call: Call, endpoint: Endpoint, context: ssl.SSLContext) -> bytes:
    """The body of the answer. Raises OSError, UnicodeError and HTTPException."""
    deadline = time.monotonic() + call.patience
    plain = dial(endpoint.dialled, endpoint.proxy, deadline)
    try:
        plain.settimeout(max(0.1, deadline - time.monotonic()))
        sock = context.wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
    connection = http.client.HTTPConnection(*endpoint.dialled)
    connection.sock = DeadlineSocket(sock, deadline)
    headers = _HEADERS | {"Host": endpoint.host} | ({"Content-Type": "application/json"} if call.body else {})
    try:
        connection.request("POST" if call.body else "GET", call.path, call.body, headers)
        return _octets(connection.getresponse(), call.most)
    finally:
        connection.close()


def _octets(response: http.client.HTTPResponse, most: int) -> bytes:
    octets = response.read(most + 1)
    if response.status != http.client.OK or len(octets) > most:
        raise http.client.HTTPException(f"status {response.status}, {len(octets)} bytes or more")
    return octets
