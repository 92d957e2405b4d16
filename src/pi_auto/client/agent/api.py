"""The server's API as this device calls it: JSON over HTTP, one connection kept open.

Requests go in as objects, answers come out as objects or as one of the errors of
`errors`. Every answer is bounded in size and time; a redirect is never followed, so that a
token goes nowhere else. Not for several threads: each worker has its own.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import time
from typing import Any, cast
from urllib.parse import urlencode

from pi_auto.client.agent.deadline import DeadlineSocket
from pi_auto.client.agent.dialling import dial
from pi_auto.client.agent.errors import (
    ApiError,
    Deferred,
    Garbled,
    Refused,
    Throttled,
    Unauthorized,
    Unreachable,
    WrongDates,
)
from pi_auto.client.agent.line import Line
from pi_auto.client.agent.network.home import Home
from pi_auto.client.agent.tls import context_for
from pi_auto.client.endpoint import Endpoint
from pi_auto.version import __version__
from pi_auto.wire.escape import printable

MOST_ANSWER = 1024 * 1024  # bytes
PATIENCE = 30.0  # seconds for a whole request, connecting included
_UNHEARD = 8  # seconds that what was sent may go without a sign of having arrived: the server has moved
_AT_ONCE = 2.0  # seconds
_TOO_BUSY = {408, 425, 429, 503}  # the request was right, the moment was not
_DATES = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (<openssl/x509_vfy.h>)
_WORTH_PACKING = 1024  # bytes: a smaller body fits one packet anyway


class ServerApi:
    """Calls to one server, wherever it is at home. `patience` is for one call altogether, in seconds."""

    def __init__(self, where: Endpoint | Home, patience: float = PATIENCE) -> None:
        self._home = where if isinstance(where, Home) else Home(where)
        self._patience = patience
        self._connection: _Connection | None = None
        self._dialled: Endpoint | None = None
        self._line = Line()

    def get(self, path: str, query: dict[str, str], token: str | None = None) -> dict[str, Any]:
        """The server's answer. Raises ApiError."""
        return self._call("GET", f"{path}?{urlencode(query)}", None, _headers(token))

    def post(self, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """The server's answer. Raises ApiError."""
        octets = json.dumps(body, separators=(",", ":")).encode()
        headers = _headers(token) | {"Content-Type": "application/json"}
        if len(octets) > _WORTH_PACKING:
            octets = gzip.compress(octets, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return self._call("POST", path, octets, headers)

    def send(self, path: str, octets: bytes, content_type: str, token: str | None) -> dict[str, Any]:
        """The server's answer to a body that is no JSON, and is created there. Raises ApiError."""
        headers = _headers(token) | {"Content-Type": content_type}
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
        if endpoint != self._dialled or self._line.was_cut:  # the server has moved, or this device has
            self.close()
            self._dialled = endpoint
        try:
            return _judged(*self._ask(endpoint, method, path, body, headers | {"Host": endpoint.host}), yes)
        except ssl.CertificateError as error:
            kind = WrongDates if error.verify_code in _DATES else Unreachable
            why = f"its certificate is not good for {endpoint.name}: {error}"
            raise self._hung_up(endpoint, kind, why) from None
        except (OSError, UnicodeError) as error:  # the latter: a name that no resolver can be asked for
            raise self._hung_up(endpoint, Unreachable, str(error) or repr(error)) from None
        except http.client.HTTPException as error:
            raise self._hung_up(endpoint, Garbled, f"its answer is not HTTP: {error!r}") from None

    def _hung_up(self, endpoint: Endpoint, kind: type[ApiError], reason: str) -> ApiError:
        self.close()
        self._home.doubt(endpoint)
        host, port = endpoint.dialled
        by = f" by the proxy {endpoint.proxy}" if endpoint.proxy else ""
        return kind(f"no use of the server at {host} port {port}{by}: {reason}")

    def _ask(
        self, endpoint: Endpoint, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        began = time.monotonic()
        deadline = began + self._patience
        try:
            return self._exchange(endpoint, deadline, method, path, body, headers)
        except (http.client.BadStatusLine, ConnectionError):
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
            self._connection = _Connection(endpoint, self._line)
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


class _Connection(http.client.HTTPConnection):
    """A connection to the address that is dialled, with a deadline on all that happens on it."""

    used = False

    def __init__(self, endpoint: Endpoint, line: Line) -> None:
        super().__init__(*endpoint.dialled)
        self._endpoint, self._line = endpoint, line
        self._deadline = 0.0

    def give_until(self, deadline: float) -> None:
        """Everything that follows must be over by then (time.monotonic)."""
        self._deadline = deadline
        if self.sock is not None:
            cast("DeadlineSocket", self.sock).deadline = deadline

    def connect(self) -> None:
        soon = min(self._deadline, time.monotonic() + _UNHEARD)
        plain = dial(self._endpoint.dialled, self._endpoint.proxy, soon, self._line, self._endpoint.through)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD * 1000)
            sock = (
                context_for(self._endpoint.name, self._endpoint.ca).wrap_socket(plain)
                if self._endpoint.tls
                else plain
            )
        except BaseException:
            plain.close()
            raise
        self.sock = DeadlineSocket(sock, self._deadline)


def _headers(token: str | None) -> dict[str, str]:
    named = {"User-Agent": f"pi-auto-client/{__version__}", "Accept": "application/json"}
    return named | ({"Authorization": f"Bearer {token}"} if token else {})


def _judged(response: http.client.HTTPResponse, octets: bytes, yes: int) -> dict[str, Any]:
    """The answer's object where its status is `yes`, or the error that its status means."""
    status = response.status
    if status == yes:
        return _object(octets)
    if status == http.client.ACCEPTED:
        raise Deferred(_object(octets))
    if status == http.client.UNAUTHORIZED:
        raise Unauthorized(f"status 401: {_complaint(octets)}")
    if status in _TOO_BUSY:
        raise Throttled(f"the server is busy: status {status}", _seconds(response.getheader("Retry-After")))
    if status >= http.client.INTERNAL_SERVER_ERROR:
        raise Unreachable(f"the server failed: status {status}: {_complaint(octets)}")
    if status >= http.client.BAD_REQUEST:
        raise Refused(status, _complaint(octets), _object_or_none(octets))
    raise Garbled(f"status {status}, where only {yes} means yes")


def _object(octets: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(octets)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Garbled(f"the answer is no JSON object: {octets[:80]!r}")
    return answer


def _object_or_none(octets: bytes) -> dict[str, Any] | None:
    try:
        return _object(octets)
    except Garbled:
        return None


def _complaint(octets: bytes) -> str:
    """What the server says is wrong, bounded; its errors are `{"error": "…"}` or `{"error": {"message": …}}`."""
    try:
        error = _object(octets).get("error")
    except Garbled:
        return repr(octets[:200])
    # Printable, since it is kept in a database, which takes no half of a surrogate pair.
    return printable(str(error.get("message", error) if isinstance(error, dict) else error)[:1000])


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds; a date counts as none, because the clock of a device may be wrong."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0.0
