"""What the port without TLS says, beside the one with: that the server is here, and where to go instead.

GET /api/health tells the fleet's id and where TLS is; a browser is sent to the configured name; this
machine's own user may read what the guide's lines read; everything else is a 403 that names the command
or the address that does it. No credential is taken here: the header that would carry one is not even
looked at. Where an operator has opened a network for old clients, their calls are answered (`legacy/`),
and nowhere else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask

from pi_auto.server.api.answers import to_json
from pi_auto.server.context import Context
from pi_auto.server.draining import noting
from pi_auto.server.legacy import port as legacy
from pi_auto.server.refusals import Refusals
from pi_auto.server.settings import Address, Settings
from pi_auto.wire.server_address import HTTPS_PORT as HTTPS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment  # for type checkers only

SERVER = "pi-auto"
_READABLE = re.compile(r"/api/(pi_devices|pi_device/[^/]+)\Z")  # the guide's lines
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_HOST")
CAME_TO = "pi_auto.came_to"  # in the WSGI environment: which address of ours it is that was dialled
LOCAL = "pi_auto.local_reader"  # in the WSGI environment: the guide's read-only lines, from this machine itself


class PlainPort:
    """The WSGI app of this port. `https_port` is where the app itself is."""

    def __init__(self, app: Flask, context: Context, https_port: int) -> None:
        self._app, self._context, self._https_port = app, context, https_port
        self._refusals = Refusals("the port without TLS")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(environ, noting(self._refusals, environ, _nameless(start_response)))

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        reads = environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        path = environ.get("PATH_INFO", "")
        if reads and path == "/api/health":
            return self._app.wsgi_app(_stripped(environ), start_response)
        if reads and _READABLE.match(path) and _is_from_here(environ):
            return self._app.wsgi_app(_stripped(environ) | {LOCAL: True}, start_response)
        if reads and not path.startswith("/api/") and "text/html" in environ.get("HTTP_ACCEPT", ""):
            return self._redirect(environ, start_response)
        if legacy.is_legacy(environ):
            return self._serve_legacy(environ, start_response)
        return self._refuse(environ, start_response)

    def _serve_legacy(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """An old client's call: it is answered where an operator has opened the network, else told what to do."""
        proxied = any(name in environ for name in _FORWARDED)
        status, payload = legacy.answer(self._context, environ, self._place(environ), proxied=proxied)
        is_file = isinstance(payload, bytes)
        octets = payload if isinstance(payload, bytes) else to_json(payload).encode() + b"\n"
        kind = "application/zip" if is_file else "application/json"
        headers = [("Content-Type", kind), ("Content-Length", str(len(octets))), ("Cache-Control", "no-store")]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [octets]

    def _place(self, environ: WSGIEnvironment) -> str:
        return place_of(self._context.settings, self._https_port, environ.get(CAME_TO))

    def _redirect(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target = self._place(environ) + "/" + quote(environ.get("PATH_INFO", "").lstrip("/"))
        start_response("307 Temporary Redirect", [("Location", target), ("Content-Length", "0")])
        return [b""]

    def _refuse(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        place, path = self._place(environ), environ.get("PATH_INFO", "")
        sentence = "this port has no encryption, and answers /api/health alone; the API and the pages are at"
        asked = f"{place}{quote(path[:200])}"
        body = {
            "error": f"{sentence} {place}",
            "instead": f"curl --cacert ca.pem -H 'Authorization: Bearer <token>' {asked}",
        }
        octets = to_json(body).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(octets)))]
        start_response("403 Forbidden", [*headers, ("Cache-Control", "no-store")])
        return [octets]


def place_of(settings: Settings, port: int | None = None, came_to: str | None = None) -> str:
    """Where people are sent: what is configured, never what a request says its host is.

    A server that was told no name and listens everywhere is where the connection `came_to`, an address
    of its own.
    """
    if settings.public_url:
        return settings.public_url
    everywhere = not settings.https or _is_any(settings.https)
    fallback = (came_to or "localhost") if everywhere else str(getattr(settings.https, "host", ""))
    host = next(iter(settings.server_names), fallback)
    return f"https://{Address(host, port or (settings.https.port if settings.https else HTTPS))}"


def _nameless(start_response: StartResponse) -> StartResponse:
    """The same, with a Server of our own: the library would tell its name and Python's version."""

    def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        return start_response(status, [*headers, ("Server", SERVER)], error)

    return start


def _stripped(environ: WSGIEnvironment) -> dict[str, Any]:
    """The request without what could carry a credential or a body, or lie about where it comes from."""
    gone = {"HTTP_AUTHORIZATION", "HTTP_COOKIE", *_FORWARDED}
    kept = {name: value for name, value in environ.items() if name not in gone}
    return kept | {"CONTENT_LENGTH": "0", "wsgi.url_scheme": "http"}


def _is_from_here(environ: WSGIEnvironment) -> bool:
    """Whether a program on this machine asks for it by a loopback address.

    A name in Host may be a page's that points to us (DNS rebinding), and a proxy's requests come
    from loopback as well: neither is believed.
    """
    host = environ.get("HTTP_HOST", "")
    literal = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    peer = environ.get("REMOTE_ADDR", "")
    if any(name in environ for name in _FORWARDED):
        return False
    return _is_loopback(peer) and (literal == "localhost" or _is_loopback(literal.strip("[]")))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _is_any(address: Address) -> bool:
    return ipaddress.ip_address(address.host).is_unspecified
