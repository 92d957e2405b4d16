"""The server's API as this device calls it: JSON over HTTP, one connection kept open.

Requests go in as objects, answers come out as objects or as one of the errors of
`errors`. Every answer is bounded in size and time; a redirect is never followed, so that a
token goes nowhere else. Not for several threads: each worker has its own.
"""

from __future__ import annotations

import gzip
import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode

from pi_auto.client.agent.answers import TROUBLES, judged, no_use
from pi_auto.client.agent.connection import HUNG_UP, Connection, headers_of
from pi_auto.client.agent.line import Line
from pi_auto.client.agent.network.home import Home
from pi_auto.client.endpoint import Endpoint

MOST_ANSWER = 1024 * 1024  # bytes
PATIENCE = 30.0  # seconds for a whole request, connecting included
_AT_ONCE = 2.0  # seconds
_WORTH_PACKING = 1024  # bytes: a smaller body fits one packet anyway


class ServerApi:
    """Calls to one server, wherever it is at home. `patience` is for one call altogether, in seconds."""

    def __init__(self, where: Endpoint | Home, patience: float = PATIENCE) -> None:
        self._home = where if isinstance(where, Home) else Home(where)
        self._patience = patience
        self._connection: Connection | None = None
        self._dialled: Endpoint | None = None
        self._line = Line()

    def get(self, path: str, query: dict[str, str], token: str | None = None) -> dict[str, Any]:
        """The server's answer. Raises ApiError."""
        return self._call("GET", f"{path}?{urlencode(query)}", None, headers_of(token))

    def post(self, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """The server's answer. Raises ApiError."""
        octets = json.dumps(body, separators=(",", ":")).encode()
        headers = headers_of(token) | {"Content-Type": "application/json"}
        if len(octets) > _WORTH_PACKING:
            octets = gzip.compress(octets, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return self._call("POST", path, octets, headers)

    def send(self, path: str, octets: bytes, content_type: str, token: str | None) -> dict[str, Any]:
        """The server's answer to a body that is no JSON, and is created there. Raises ApiError."""
        headers = headers_of(token) | {"Content-Type": content_type}
        return self._call("POST", path, octets, headers, http.client.CREATED)

    def close(self) -> None:
        """Hang up; the next call dials again."""
        if self._connection:
            self._connection.close()
            self._connection = None
        self._line.drop()

    def network_changed(self) -> None:
        """End a call that waits on a way which is gone. The one method that any thread may call."""
        self._line.cut_unless_it_leads_on()

    def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], yes: int = http.client.OK
    ) -> dict[str, Any]:
        endpoint = self._home.endpoint()
        is_proven = not self._connection or self._connection.is_proven  # not where the clock was set since
        if (
            endpoint != self._dialled or self._line.was_cut or not is_proven
        ):  # or the server or this device has moved
            self.close()
            self._dialled = endpoint
        try:
            return judged(*self._ask(endpoint, method, path, body, headers | {"Host": endpoint.host}), yes)
        except TROUBLES as error:
            self.close()
            self._home.doubt(endpoint)
            raise no_use(endpoint, error) from None

    def _ask(
        self, endpoint: Endpoint, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        began = time.monotonic()
        deadline = began + self._patience
        try:
            return self._exchange(endpoint, deadline, method, path, body, headers)
        except HUNG_UP:
            # RFC 9112 9.3.1: a server may close a kept connection at any moment. All calls can be repeated
            # safely: a batch by its uuids, a registration by its claim. It does so at once, or has gone itself.
            closed_at_once = time.monotonic() - began < _AT_ONCE
            if not self._connection or not self._connection.used or not closed_at_once:
                raise
            self.close()
            return self._exchange(endpoint, deadline, method, path, body, headers)

    def _exchange(
        self,
        endpoint: Endpoint,
        deadline: float,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> tuple[http.client.HTTPResponse, bytes]:
        if not self._connection:
            self._connection = Connection(endpoint, self._line)
        connection = self._connection
        connection.give_until(deadline)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        with response:
            octets = response.read(MOST_ANSWER + 1)
        if len(octets) > MOST_ANSWER:
            raise http.client.HTTPException(f"an answer of more than {MOST_ANSWER} bytes")
        connection.used = True
        return response, octets
