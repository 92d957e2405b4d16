"""The port without TLS, beside the one with: it says that the server is here, and where to go instead.

GET /api/health tells the fleet's id and where TLS is; a browser is sent to the configured name; this
machine's own user may read what the guide's lines read; everything else is a 403 that names the command
or the address that does it. No credential is taken here: the header that would carry one is not even
looked at. Where an operator has opened a network for old clients, their calls are answered (`legacy/`),
and nowhere else. A bounded number of requests is served at once, each within seconds.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

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

_AT_ONCE = 64
_SERVER = "pi-auto"
_PATIENCE = 5.0  # seconds for a request to come, and for its answer to go
_READABLE = re.compile(r"/api/(pi_devices|pi_device/[^/]+)\Z")  # the guide's lines
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA", "HTTP_X_FORWARDED_HOST")
_log = logging.getLogger(__name__)
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


def serve_plain(listener: socket.socket, port: PlainPort) -> None:
    """Answer requests on a listening socket until that is shut down, which is when the process ends."""
    listener.setblocking(True)
    server = _Server(listener.getsockname()[:2], _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = listener.getsockname()[0], listener.getsockname()[1]
    server.setup_environ()
    server.set_app(port)
    with suppress(_Shut):
        server.serve_forever(poll_interval=5.0)


class _Shut(Exception):  # noqa: N818 - what happened, and no error
    """Nobody will come by this socket any more."""


class _Server(WSGIServer):
    """Each request in a thread of its own, of which there are so many and no more; who comes then is let go."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._seats = threading.BoundedSemaphore(_AT_ONCE)

    def get_request(self) -> Any:
        """The next connection. Raises _Shut: the library would ask a socket that is gone again and again."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.EBADF}:
                raise _Shut from error
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand the connection to a thread."""
        if not self._seats.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), name="plain", daemon=True).start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(_PATIENCE)
            self.finish_request(request, client_address)
        except OSError as error:
            _log.debug("plain request of %s: %s", client_address[0], error)
        except Exception:  # noqa: BLE001 - whatever it was, it was one request's
            _log.exception("a request on the port without TLS failed")
        finally:
            self.shutdown_request(request)
            self._seats.release()


class _Handler(WSGIRequestHandler):
    """Quiet, one request a connection; of bodies only an old client's is ever read."""

    timeout = _PATIENCE

    def handle(self) -> None:
        """Answer one request. A deadline as a whole is kept by ending whoever is still talking then."""
        deadline = threading.Timer(2 * _PATIENCE, self._cut)
        deadline.daemon = True
        deadline.start()
        try:
            super().handle()
        finally:
            deadline.cancel()

    def _cut(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            _log.debug("the connection had gone already")

    def get_environ(self) -> dict[str, Any]:
        """With the address of ours that the connection came to, which the caller does not name but reach."""
        return super().get_environ() | {CAME_TO: self.connection.getsockname()[0]}

    def version_string(self) -> str:
        """What errors are signed with: nobody need know what this is made of."""
        return _SERVER

    def address_string(self) -> str:
        """The bare address: no name is looked up."""
        return str(self.client_address[0])

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its parent's name
        """Say it where debugging is wanted."""
        _log.debug(format, *arguments)


def _nameless(start_response: StartResponse) -> StartResponse:
    """The same, with a Server of our own: the library would tell its name and Python's version."""

    def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        return start_response(status, [*headers, ("Server", _SERVER)], error)

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
