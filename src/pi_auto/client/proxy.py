"""The HTTP proxy of a site that lets nothing else out of its network.

Everything that is not this machine itself is asked of it by CONNECT, so that TLS still ends at
the server and at the hub. It gets no user and no password: the settings file is read by everybody.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pi_auto.frozen import frozen
from pi_auto.wire.errors import FieldError

_ALLOWED = "http://HOST:PORT, without user, password or path"


@frozen
class Proxy:
    """Where it listens."""

    host: str
    port: int

    @property
    def address(self) -> tuple[str, int]:
        """What is dialled."""
        return self.host, self.port

    def __str__(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @classmethod
    def of(cls, text: str) -> Proxy:
        """The proxy that a setting names. FieldError never shows a password."""
        if "@" in text:
            raise FieldError(
                "proxy", "a proxy with a user", f"{_ALLOWED}; have the proxy let this device in by its address"
            )
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if (
            not host
            or not port
            or parts.scheme != "http"
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
            raise FieldError("proxy", repr(text), _ALLOWED)
        return cls(host, port)
