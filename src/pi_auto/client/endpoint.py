"""Where the fleet's server is: what a URL says, what is dialled for it, which name its certificate must bear.

The address dialled and the name verified are two things: a box finds its server at
whatever address the network gives, and believes it for its name alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pi_auto.client.proxy import Proxy
from pi_auto.frozen import frozen, replace
from pi_auto.wire.errors import FieldError

_URL = "http://HOST[:PORT] or https://HOST[:PORT]"
_ADDRESS = "HOST:PORT"
_PORTS = {"http": 80, "https": 443}


@frozen
class Endpoint:
    """A server: `host` goes into the Host header, `dialled` is connected to, `name` is what TLS verifies.

    `ca` is a PEM file of the only authorities to believe, or their PEM text; without one the system's are
    believed. Where there is a `proxy`, it is asked for the way to `dialled`. `through` is the only interface to
    go by. With `as_of` the certificate's dates are held against the time that it tells: this clock is wrong.
    """

    tls: bool
    host: str
    dialled: tuple[str, int]
    name: str
    ca: Path | str | None = None
    proxy: Proxy | None = None
    through: str | None = None
    as_of: Callable[[], datetime] | None = None

    @classmethod
    def of(
        cls,
        url: str,
        address: str | None = None,
        name: str | None = None,
        ca: Path | None = None,
        proxy: Proxy | None = None,
    ) -> Endpoint:
        """The endpoint that settings describe; FieldError names the setting that is wrong."""
        scheme, host, port = _parts_of_url(url)
        bracketed = f"[{host}]" if ":" in host else host
        dialled = _parts_of_address(address) if address else (host, port)
        return cls(
            tls=scheme == "https",
            host=bracketed if port == _PORTS[scheme] else f"{bracketed}:{port}",
            dialled=dialled,
            name=name or host,
            ca=ca,
            proxy=None if is_loopback(dialled[0]) else proxy,  # a proxy would dial itself
        )

    def by(self, proxy: Proxy | None) -> Endpoint:
        """The same, asked of a proxy where there is one."""
        return self if is_loopback(self.dialled[0]) else replace(self, proxy=proxy)

    @property
    def first_hop(self) -> tuple[str, int]:
        """What the network has to reach: the proxy, if there is one."""
        return self.proxy.address if self.proxy else self.dialled


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, can only be this machine. Names are not looked up: they may lie."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _parts_of_url(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FieldError("server_url", repr(url), _URL) from None
    extras = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in _PORTS or not parts.hostname or extras or port == 0:
        raise FieldError("server_url", repr(url), _URL)
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _parts_of_address(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise FieldError("server_address", repr(address), _ADDRESS)
    return host, port
