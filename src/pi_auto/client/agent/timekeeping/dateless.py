"""One question for the time over TLS that looks at chain and name, but not at dates; nothing else is ever sent so.

Dates cannot be judged by a clock that is wrong. A certificate that ran out may be in a thief's hands by
now, so nothing the device holds goes over such a connection: only a nonce, which is worth nothing,
and back comes a time that is believed for the fleet's signature alone.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.errors import Garbled, Unreachable
from pi_auto.client.agent.tls import NamedContext, context_for
from pi_auto.client.clockfloor.proven import MOST_PROOF
from pi_auto.client.endpoint import Endpoint
from pi_auto.version import __version__

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME (<openssl/x509_vfy.h>), which Python has no name for
_PATIENCE = 8.0  # seconds altogether
_PATH = "/api/fleet_proof"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}


def post_without_dates(endpoint: Endpoint, question: dict[str, Any]) -> Any:
    """The answer to the one question. Raises ApiError."""
    deadline = time.monotonic() + _PATIENCE
    try:
        return _exchange(endpoint, json.dumps(question).encode(), deadline)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"nor does it tell the time: {error}") from None
    except (http.client.HTTPException, ValueError, RecursionError) as error:
        raise Garbled(f"nor does it tell the time: {error!r}"[:300]) from None


def _exchange(endpoint: Endpoint, body: bytes, deadline: float) -> Any:
    plain = dial(endpoint.dialled, endpoint.proxy, deadline)
    try:
        plain.settimeout(max(0.1, deadline - time.monotonic()))
        sock = _context(endpoint).wrap_socket(plain)
    except BaseException:
        plain.close()
        raise
    connection = http.client.HTTPConnection(*endpoint.dialled)
    connection.sock = DeadlineSocket(sock, deadline)
    try:
        headers = _HEADERS | {"Host": endpoint.host, "User-Agent": f"pi-auto-client/{__version__}"}
        connection.request("POST", _PATH, body, headers)
        return _answer(connection.getresponse())
    finally:
        connection.close()


def _answer(response: http.client.HTTPResponse) -> Any:
    octets = response.read(MOST_PROOF + 1)
    if response.status != http.client.OK or len(octets) > MOST_PROOF:
        raise http.client.HTTPException(f"status {response.status}, {len(octets)} bytes or more")
    return json.loads(octets)


def _context(endpoint: Endpoint) -> NamedContext:
    context = context_for(endpoint.name, endpoint.ca)
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    return context
