"""Whether the server answers, asked as a device would: over its own port, by its own name if it has a fleet."""

from __future__ import annotations

import http.client
import ipaddress
import logging
import socket
import ssl
import time
from contextlib import closing
from typing import TYPE_CHECKING

from pi_auto.server.settings import Address
from pi_auto.wire.fleet_card import server_name

if TYPE_CHECKING:
    from pi_auto.server.trust.fleet import Fleet  # takes a while to load

ANSWERS_WITHIN = 20.0  # seconds
_PATIENCE = 15.0  # for an answer to ourselves: one that a whole fleet comes back to is slow, and no more
_log = logging.getLogger(__name__)


def wait_for_answer(bound: Address, fleet: Fleet | None = None) -> None:
    """Wait until a request is answered, whatever the answer: ready means that it works, not that it started."""
    deadline = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < deadline:
        if answers(bound, fleet):
            return
        time.sleep(0.05)
    _log.warning("the server does not answer on %s", bound)


def answers(bound: Address, fleet: Fleet | None = None) -> bool:
    """Whether a request is answered just now, whatever the answer."""
    address = ipaddress.ip_address(bound.host)
    host = bound.host
    if address.is_unspecified:
        host = "::1" if address.version == 6 else "127.0.0.1"
    try:
        with closing(_connection(host, bound.port, fleet)) as connection:
            connection.request("GET", "/api/health")
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    return True


def _connection(host: str, port: int, fleet: Fleet | None) -> http.client.HTTPConnection:
    """A connection to ourselves, by the name that devices verify where there is a fleet."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    if fleet:
        context = ssl.create_default_context(cadata=fleet.authority.pem)
        plain = socket.create_connection((host, port), timeout=_PATIENCE)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=server_name(fleet.fleet_id))
        except BaseException:
            plain.close()
            raise
    return connection
