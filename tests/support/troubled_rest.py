"""A service side in trouble: HTTPS before a real hub that loses answers, throttles, hangs or talks nonsense.

with troubled(hub, folder) as front:
    front.plan = [Lost(), Said(429, {"Retry-After": "1"})]     # then all is well
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.certificates import Authority
from support.hub import RunningHub


@dataclass(frozen=True)
class Lost:
    """The hub does it, and the connection ends before the answer comes."""


@dataclass(frozen=True)
class Said:
    """The hub never hears of it; this is answered."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Hangs:
    """Nothing is answered until the test is over."""


@dataclass(frozen=True)
class Twice:
    """The hub does it, and its answer comes two times."""


@dataclass(frozen=True)
class Drips:
    """An answer of `octets` bytes, one in a twentieth of a second."""

    octets: int


class Front:
    """The front: `plan` is what befalls the next requests, `asked` what has come (method, path)."""

    def __init__(self, hub: RunningHub | None, folder: Path, name: str = "localhost") -> None:
        authority = Authority(folder)
        self.ca, self.hub = authority.ca, hub
        self.plan: list[Lost | Said | Hangs | Twice | Drips] = []
        self.asked: list[tuple[str, str]] = []
        self.shown: list[str] = []  # what each has shown as its Authorization
        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"front": self}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate(name))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port: int = self.server.server_address[1]

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Said:
        """What the real hub answers."""
        assert self.hub
        trust = ssl.create_default_context(cafile=str(self.hub.data / "tls" / "ca.pem"))
        with closing(HTTPSConnection(*self.hub.https_address, timeout=15, context=trust)) as line:
            line.request(method, path, body or None, headers)
            answer = line.getresponse()
            return Said(answer.status, dict(answer.getheaders()), answer.read())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front

    def _any(self) -> None:
        front, body = self.front, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        front.asked.append((self.command, self.path.partition("?")[0]))
        front.shown.append(self.headers.get("Authorization", ""))
        trouble = front.plan.pop(0) if front.plan else None
        if isinstance(trouble, Hangs):
            front.over.wait(30)
        if isinstance(trouble, Said):
            self._say(trouble)
        elif isinstance(trouble, Drips):
            self._drip(trouble.octets)
        else:
            said = front.forward(self.command, self.path, body, dict(self.headers.items()))
            self._pass_on(said, trouble)

    do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = _any  # noqa: N815 - the library's names

    def _pass_on(self, said: Said, trouble: Lost | Hangs | Twice | None) -> None:
        if isinstance(trouble, Lost | Hangs):
            self.close_connection = True
            return
        for _ in range(2 if trouble else 1):
            self._say(said)

    def _say(self, said: Said) -> None:
        self.send_response(said.status)
        for name, value in said.headers.items():
            if name.lower() in ("content-type", "iothub-errorcode", "retry-after", "etag"):
                self.send_header(name, value)
        if said.status != 204:
            self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body)

    def _drip(self, octets: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(octets))
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever asked has hung up
            for _ in range(octets):
                self.wfile.write(b" ")
                self.front.over.wait(0.05)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def troubled(hub: RunningHub | None, folder: Path, name: str = "localhost") -> Iterator[Front]:
    """A front that runs inside the block."""
    front = Front(hub, folder, name)
    thread = threading.Thread(target=front.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        front.over.set()
        front.server.shutdown()
        front.server.server_close()
        thread.join()
