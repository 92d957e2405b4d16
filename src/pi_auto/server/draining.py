"""Takes in what is left of a request's body before the answer goes: else the caller may never see the answer.

A view that refuses early reads no body. Granian then closes the connection with octets unread, to
which the kernel says RST, and what the caller had not read yet of the answer is thrown away.

Strangers send bodies too, so that only so many octets of so many requests are waited for; the
others are cut as before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pi_auto.server.proven import PROVED, Proven
from pi_auto.server.refusals import Refusals

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment  # for type checkers only

MOST = 2 * 1024 * 1024  # bytes; more than any view takes, so that who sends too much hears so
_PIECE = 64 * 1024
_AT_ONCE = 16
_seats = threading.BoundedSemaphore(_AT_ONCE)
_log = logging.getLogger(__name__)
App = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]


class Draining:
    """A WSGI app whose requests have been read to their end when they are answered.

    `refusals` hears of what was refused, `proven` from where somebody has proved who they are.
    """

    def __init__(self, app: App, refusals: Refusals, proven: Proven) -> None:
        self._app, self._refusals, self._proven = app, refusals, proven

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._app(environ, noting(self._refusals, environ, start_response))
        if PROVED in environ:
            self._proven.note(environ.get("REMOTE_ADDR", ""))
        if _has_body(environ):
            _drain(environ["wsgi.input"])
        return answer


def noting(refusals: Refusals, environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    """The same `start_response`, of which `refusals` hears."""

    def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        path, peer = environ.get("PATH_INFO", ""), environ.get("REMOTE_ADDR", "?")
        refusals.note(int(status[:3]), environ["REQUEST_METHOD"], path, peer)
        return start_response(status, headers, error) if error else start_response(status, headers)

    return start


def _has_body(environ: WSGIEnvironment) -> bool:
    return environ.get("CONTENT_LENGTH", "") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ


def _drain(body: InputStream) -> None:
    if not _seats.acquire(blocking=False):
        _log.debug("a body is not taken in: there are %d on their way already", _AT_ONCE)
        return
    try:
        left = MOST
        with suppress(OSError):  # whoever sent it has gone, and the answer with them
            while left > 0 and (piece := body.read(_PIECE)):
                left -= len(piece)
    finally:
        _seats.release()
