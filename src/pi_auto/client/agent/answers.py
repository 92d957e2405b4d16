"""What the server's answers mean: an object, or one of the errors of `errors`. Pure."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

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
from pi_auto.client.endpoint import Endpoint
from pi_auto.wire.escape import printable

# What a call may raise that has come to no answer. UnicodeError: a name that no resolver can be asked for.
TROUBLES = (OSError, UnicodeError, http.client.HTTPException)
_TOO_BUSY = {408, 425, 429, 503}  # the request was right, the moment was not
_DATES = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (<openssl/x509_vfy.h>)


def no_use(endpoint: Endpoint, error: Exception) -> ApiError:
    """What one of TROUBLES means, with whom it was met."""
    kind: type[ApiError] = Unreachable
    reason = str(error) or repr(error)
    if isinstance(error, ssl.CertificateError):
        kind = WrongDates if error.verify_code in _DATES else Unreachable
        reason = f"its certificate is not good for {endpoint.name}: {error}"
    elif not isinstance(error, (OSError, UnicodeError)):
        kind, reason = Garbled, f"its answer is not HTTP: {error!r}"
    host, port = endpoint.dialled
    by = f" by the proxy {endpoint.proxy}" if endpoint.proxy else ""
    return kind(f"no use of the server at {host} port {port}{by}: {reason}")


def judged(response: http.client.HTTPResponse, octets: bytes, yes: int) -> dict[str, Any]:
    """The answer's object where its status is `yes`, or the error that its status means."""
    if response.status == yes:
        return _object(octets)
    if response.status == http.client.ACCEPTED:
        raise Deferred(_object(octets))
    raise error_of(response, octets, str(yes))


def error_of(response: http.client.HTTPResponse, octets: bytes, yes: str) -> ApiError:
    """The error that a status means which is not one of `yes`."""
    status = response.status
    if status == http.client.UNAUTHORIZED:
        return Unauthorized(f"status 401: {_complaint(octets)}")
    if status in _TOO_BUSY:
        return Throttled(f"the server is busy: status {status}", _seconds(response.getheader("Retry-After")))
    if status >= http.client.INTERNAL_SERVER_ERROR:
        return Unreachable(f"the server failed: status {status}: {_complaint(octets)}")
    if status >= http.client.BAD_REQUEST:
        return Refused(status, _complaint(octets), _object_or_none(octets))
    return Garbled(f"status {status}, where only {yes} means yes")


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
