"""A fleet server small enough to read: it speaks the wire's contract over real HTTP, and misbehaves when told to.

It keeps books like the real one (one row per device and uuid), so that a test can ask what
has arrived. Faults wait in a queue per path; each request takes one, and is answered
properly when there is none. With a certificate it speaks TLS.
"""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pi_auto.wire.batch import Acknowledgement, Batch, Refusal
from pi_auto.wire.errors import FieldError
from pi_auto.wire.ids import Position
from pi_auto.wire.registration import HubDial, Registration, RegistrationAnswer
from pi_auto.wire.release import target_of
from pi_auto.wire.update import NoUpdate, Offer
from support.signed_fleet import DOWNLOAD, METADATA, SignedFleet, serve

SCANS, REGISTER, UPDATES = "/api/scans", "/api/register_device", "/api/ota/check_update"
DIAGNOSTICS = "/api/diagnostics/"  # and the request that they are for

Fault = Callable[["_Handler", Any], None]


@dataclass
class FleetPeer:
    """Start it with `with`. `received` holds every request's path and body, `books` what was booked, in order."""

    certificate: Path | None = None
    connection_string: str | None = None
    hub: HubDial | None = None
    received: list[tuple[str, Any]] = field(default_factory=list)
    books: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    bundles: dict[str, bytes] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    always: dict[str, Fault] = field(default_factory=dict)
    poison: str | None = None  # a text that makes a whole batch be refused
    refuse: str | None = None  # a text whose record is refused, and booked by nobody
    resend_from: Position | None = None
    offer: str | None = None
    updates: SignedFleet | None = None  # whose metadata and archives it has as well
    port: int = 0
    host: str = "127.0.0.1"
    released: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._server = _Server((self.host, self.port), _Handler)
        self._server.peer = self
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def fail(self, path: str, *faults: Fault) -> None:
        """Answer the next requests to `path` so, one after the other."""
        self.faults[path].extend(faults)

    def texts(self) -> list[str]:
        """The texts of all booked scans, in the order they were booked."""
        return [record["text"] for record in self.books.values() if "text" in record]

    def batches(self) -> list[dict[str, Any]]:
        """All batches that came, booked or not."""
        return [body for path, body in self.received if path == SCANS]

    def calls(self, path: str) -> int:
        return sum(1 for called, _ in self.received if called == path)

    def answer(self, path: str, body: Any, token: str) -> tuple[int, dict[str, Any]]:
        """What a well-behaved server says."""
        if path == REGISTER:
            return self._register(body)
        if token not in self.tokens:
            return 401, {"error": "unknown token"}
        if path.startswith(DIAGNOSTICS):
            return self._keep(path.removeprefix(DIAGNOSTICS), body)
        if path == UPDATES:
            return 200, self._offer().to_json()
        return self._book(body)

    def _offer(self) -> NoUpdate | Offer:
        if self.offer is None:
            return NoUpdate("0.1.0", "no update is available")
        update_id, target = "0" * 64, target_of(self.offer)
        return Offer("0.1.0", self.offer, update_id, target, 2, 1, update_id, "/api/ota/download_update")

    def _register(self, body: Any) -> tuple[int, dict[str, Any]]:
        asked = Registration.from_json(body)
        if self.claims.setdefault(asked.device_id, asked.claim or "") != asked.claim:
            return 403, {"error": "this id was claimed by another"}
        self.tokens.append(f"token-{len(self.tokens) + 1:04d}-of-{'x' * 32}")
        given = RegistrationAnswer(
            asked.device_id, datetime.now(UTC), self.connection_string, self.url,
            api_token=self.tokens[-1], hub=self.hub,
        )  # fmt: skip
        return 200, given.to_json()

    def _keep(self, request: str, body: Any) -> tuple[int, dict[str, Any]]:
        if request in self.bundles:
            return 409, {"error": "it is here already"}
        self.bundles[request] = body
        return 201, {"stored": True}

    def _book(self, body: Any) -> tuple[int, dict[str, Any]]:
        try:
            batch = Batch.from_json(body)
        except FieldError as error:
            return 400, {"error": error.to_json()}
        if self.poison and any(scan.text == self.poison for scan in batch.scans):
            return 400, {"error": {"message": "poison", "field": "?", "value": "?", "allowed": "?"}}
        refused = list(batch.refused)
        for index, scan in enumerate(batch.scans):
            if scan.text == self.refuse:
                refused.append(Refusal("scans", index, FieldError(f"scans[{index}].text", "bad", "good")))
            else:
                self.books.setdefault(scan.uuid, scan.to_json())
        for incident in batch.incidents:
            self.books.setdefault(incident.uuid, incident.to_json())
        resend, self.resend_from = self.resend_from, None
        settled = Position(batch.spool, batch.through)
        return 200, Acknowledgement(settled, tuple(refused), resend_from=resend).to_json()


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and an error."""
    return lambda handler, _body: handler.say(code, {"error": f"a planted {code}"}, headers)


def answer(body: dict[str, Any]) -> Fault:
    """Answer 200 with this object, and book nothing."""
    return lambda handler, _body: handler.say(200, body)


def raw(octets: bytes) -> Fault:
    """Send these very bytes and hang up."""

    def send(handler: _Handler, _body: Any) -> None:
        handler.wfile.write(octets)
        handler.close_connection = True

    return send


def hang(handler: _Handler, _body: Any) -> None:
    """Say nothing until the peer is closed."""
    handler.peer.released.wait(60)
    handler.close_connection = True


def drip(handler: _Handler, _body: Any) -> None:
    """Send one byte now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.peer.released.wait(0.05):
        handler.wfile.write(b"x")
    handler.close_connection = True


def book_and_vanish(handler: _Handler, body: Any) -> None:
    """Book the batch, but die before the answer is out."""
    handler.peer.answer(SCANS, body, handler.token())
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    peer: FleetPeer

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[Any] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)

    def hang_up(self) -> None:
        for request in list(self._open):
            try:
                request.shutdown(2)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no fault of this server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def peer(self) -> FleetPeer:
        return self.server.peer

    def do_GET(self) -> None:
        parts, updates = urlsplit(self.path), self.peer.updates
        content = updates.content(parts.path, parts.query) if updates else None
        is_theirs = parts.path.startswith((METADATA, DOWNLOAD)) and parts.path not in self.peer.always
        if updates and is_theirs:
            self.peer.received.append((parts.path, None))
            if content is None:
                self.say(404, {"error": "there is no such thing"})
            else:
                serve(self, updates, content)
        else:
            self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Tests say what they need to know."""

    def token(self) -> str:
        return (self.headers["Authorization"] or "").removeprefix("Bearer ")

    def say(self, code: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        octets = json.dumps(body).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def _serve(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        self.peer.received.append((path, body))
        waiting = self.peer.faults[path]
        fault = waiting.popleft() if waiting else self.peer.always.get(path)
        if fault:
            fault(self, body)
        else:
            self.say(*self.peer.answer(path, body, self.token()))

    def _body(self) -> Any:
        octets = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Content-Encoding"] == "gzip":
            octets = gzip.decompress(octets)
        if self.headers["Content-Type"] == "application/zip":
            return octets
        return json.loads(octets) if octets else None
