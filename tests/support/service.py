"""The service side of a real hub for a test: requests over HTTPS, signed as Microsoft's SDK signs them.

service = Service(hub)
status, body, headers = service.ask("GET", "/devices/pi-1")
"""

from __future__ import annotations

import contextlib
import io
import json
import ssl
import time
from http.client import HTTPSConnection
from typing import Any, NamedTuple

from pi_auto.hub.cli import main
from pi_auto.wire.sas import SasToken
from support.hub import RunningHub


class Answer(NamedTuple):
    """Status, body (None for an empty one) and headers by their names in lower case."""

    status: int
    body: Any
    headers: dict[str, str]


class Service:
    """Asks the service side of `hub` with the rights of a policy; it trusts the hub's own authority alone."""

    def __init__(self, hub: RunningHub, policy: str = "iothubowner") -> None:
        self._hub, self._policy = hub, policy
        self._tls = ssl.create_default_context(cafile=str(hub.data / "tls" / "ca.pem"))
        text = output_of("connection-string", "--data", str(hub.data), "--policy", policy)
        parts = dict(part.split("=", 1) for part in text.strip().split(";"))
        self.host, self.key = parts["HostName"], parts["SharedAccessKey"]

    def token(self, *, resource: str = "", key: str = "", expires_in: int = 60) -> str:
        """A token of this policy for the hub, or as a test wants it."""
        expiry = int(time.time()) + expires_in
        return str(SasToken.sign(resource or self.host, key or self.key, expiry, self._policy))

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *,
        token: str | None = None, version: str = "2021-04-12",
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own. A body of bytes goes as it is, any other as JSON."""
        query = f"{'&' if '?' in path else '?'}api-version={version}" if version else ""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": self.token() if token is None else token} | (headers or {})
        with contextlib.closing(HTTPSConnection(*self._hub.https_address, timeout=15, context=self._tls)) as line:
            line.request(method, path + query, content, sent)
            response = line.getresponse()
            octets = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, json.loads(octets) if octets else None, found)


def output_of(*arguments: str) -> str:
    """What `pi-auto-hub` prints for these arguments; AssertionError where it fails."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main(list(arguments)) == 0
    return output.getvalue()
