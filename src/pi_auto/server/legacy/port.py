"""Old clients' calls on the port without TLS: who may, what they are answered, and why others are not.

Who calls is the address at the other end of the connection. A request that says it came by way of a
proxy is refused: behind one, everybody has the proxy's address.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sqlalchemy.exc import OperationalError

from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.enrolment.waiting import network_of
from pi_auto.server.legacy.calls import CALLS, MOST_BODY, Call, Refused
from pi_auto.server.legacy.devices import note_refused
from pi_auto.server.legacy.networks import holds, open_networks, plain_address
from pi_auto.server.legacy.rules import Verdict
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.store.writer import Busy
from pi_auto.wire.errors import FieldError
from pi_auto.wire.server_address import is_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment  # for type checkers only

_MOST_REFUSED = 120  # calls of one address a minute; a device that waits asks every five minutes
_refused = Limiter(_MOST_REFUSED, 60.0, time.monotonic)
_LATER = (Busy, FutureTimeout, OperationalError, HubUnavailable)
_log = logging.getLogger(__name__)
Answer = tuple[int, dict[str, Any] | bytes]
_REMEDIES = {
    Verdict.CLOSED: "old clients, without a key, are served only where legacy mode is on; on the server's machine:"
    " pi-auto-server legacy on --network {network} --days 30. Better: install this server's client",
    Verdict.PROXIED: "old clients are served only where they reach this port themselves, through no proxy",
    Verdict.KEYED: "the device of this id has a key, and signs what it says; no one else speaks for it",
    Verdict.UNKNOWN: "this old client waits for an operator's yes; on the server's machine:"
    " pi-auto-server legacy approve {named}",
    Verdict.REFUSED: "pi-auto-server legacy approve {named} takes that back",
    Verdict.ELSEWHERE: "the old client of this id was approved at another address; if it has moved:"
    " pi-auto-server legacy approve {named} --address {address}",
    Verdict.CROWDED: "too many old clients of this network wait for an operator; pi-auto-server legacy list",
}


def is_legacy(environ: WSGIEnvironment) -> bool:
    """Whether the request is one of an old client's calls."""
    return (environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")) in CALLS


def answer(context: Context, environ: WSGIEnvironment, place: str, *, proxied: bool) -> Answer:
    """Status and payload for such a request; `place` is where the API with TLS is."""
    address = plain_address(environ.get("REMOTE_ADDR", ""))
    try:
        if _refused.wait(address):
            return 429, {"error": f"more than {_MOST_REFUSED} calls of this address were refused within a minute"}
        body = _body(environ)  # read in any case: an answer over a body that is still coming gets lost
        _let_in(context, address, proxied=proxied)
        call = Call(address, _query(environ), _whole(environ, body), _host(environ))
        return 200, CALLS[environ["REQUEST_METHOD"], environ["PATH_INFO"]](context, call)
    except Refused as error:
        _refused.failed(address)
        return 403, _refusal(context, error, address, place)
    except FieldError as error:
        _refused.failed(address)
        return 400, {"error": str(error)}
    except ApiError as error:
        return error.status, {"error": str(error)}
    except _LATER as error:  # the contract knows 400 and 500, and its clients come again
        _log.warning("legacy: %s: %s", type(error).__name__, error)
        return 500, {"error": "the server cannot do it just now; try again"}


def _let_in(context: Context, address: str, *, proxied: bool) -> None:
    """Before anything that it sends is read. Raises Refused."""
    with context.store.engine.connect() as connection:
        is_open = holds(open_networks(connection, context.clock()), address)
    if not is_open:
        raise Refused(Verdict.CLOSED, "")
    if proxied:
        raise Refused(Verdict.PROXIED, "")


def _refusal(context: Context, error: Refused, address: str, place: str) -> dict[str, Any]:
    now = context.clock()
    try:
        committed(context, lambda books: note_refused(books, error.named, error.verdict, address, now))
    except _LATER as failure:
        _log.warning("legacy: a refusal is not in the audit trail: %s", failure)
    words = {"network": network_of(address), "named": error.named or "ID", "address": address}
    return {"error": f"{error.verdict.value}: " + _REMEDIES[error.verdict].format(**words), "instead": f"{place}/"}


def _query(environ: WSGIEnvironment) -> dict[str, str]:
    try:
        return dict(parse_qsl(environ.get("QUERY_STRING", "")[:2048], max_num_fields=16))
    except ValueError:
        raise FieldError("the query", "more", "at most 16 parameters") from None


def _body(environ: WSGIEnvironment) -> bytes:
    """As much of it as is ever taken; the connection has a deadline of its own."""
    if environ["REQUEST_METHOD"] != "POST":
        return b""
    octets: bytes = environ["wsgi.input"].read(min(_length(environ), MOST_BODY + 1))
    return octets


def _whole(environ: WSGIEnvironment, body: bytes) -> bytes:
    """The body, if it is all there. Raises FieldError."""
    if environ["REQUEST_METHOD"] == "POST" and len(body) != _length(environ):
        raise FieldError("the message", f"{len(body)} bytes", f"as many as it announces, at most {MOST_BODY}")
    return body


def _length(environ: WSGIEnvironment) -> int:
    text = environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _host(environ: WSGIEnvironment) -> str:
    """What the caller calls us, for it alone; our own address where that is no host."""
    told = str(environ.get("HTTP_HOST", ""))
    host, _, port = told.rpartition(":") if ":" in told and not told.endswith("]") else (told, "", "80")
    if is_host(host.strip("[]")) and port.isdigit() and len(port) <= 5:
        return told
    return f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
