"""Serves the port without TLS: a bounded number of requests at once, each within seconds."""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pi_auto.server.plain.port import CAME_TO, SERVER, PlainPort

_AT_ONCE = 64
_PATIENCE = 5.0  # seconds for a request to come, and for its answer to go
_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REST = 0.2  # seconds, where nothing is left to take a connection with
_log = logging.getLogger(__name__)


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
            if error.errno in _SCARCE:
                time.sleep(_REST)  # or it is asked again at once, for as long as somebody waits
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
        return SERVER

    def address_string(self) -> str:
        """The bare address: no name is looked up."""
        return str(self.client_address[0])

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its parent's name
        """Say it where debugging is wanted."""
        _log.debug(format, *arguments)
