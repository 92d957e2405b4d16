"""Where a fleet's server may be found: what is dialled, which is not the name that is verified."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

HTTPS_PORT = 5443
FLEET, PUBLIC = "fleet", "public"
_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)
_DIGITS = re.compile(r"[0-9.]+\Z")  # what looks like an IPv4 address has to be one


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A host, by name or IP address, and a port.

    `certificate` says how it proves itself: `fleet`, by the fleet's own authority for the fleet's
    name; or `public`, by one of the world's authorities for `host`, and by a proof of the fleet.
    """

    host: str
    port: int = HTTPS_PORT
    certificate: str = FLEET

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def to_json(self) -> dict[str, Any]:
        """The address as it travels."""
        return {"host": self.host, "port": self.port, "certificate": self.certificate}

    @classmethod
    def from_json(cls, value: object, path: str = "server") -> ServerAddress:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, path)
        found = fields.optional("certificate", lambda n: fields.choice(n, (FLEET, PUBLIC)), FLEET)
        host = fields.text("host", most=253)
        if not is_host(host):
            raise fields.refuse("host", "a host name or an IP address")
        if found == PUBLIC and not is_name(host):
            raise fields.refuse("host", "a host name, where the certificate is public")
        return cls(
            host, fields.optional("port", lambda n: fields.integer(n, least=1, most=65535), HTTPS_PORT), found
        )

    @classmethod
    def parse(cls, text: str, path: str = "server", certificate: str = FLEET) -> ServerAddress:
        """Read `HOST`, `HOST:PORT` or `[IPV6]:PORT`. Raises FieldError."""
        bare = text.startswith("[") or text.count(":") <= 1
        host, _, port = text.rpartition(":") if bare and not text.endswith("]") and ":" in text else (text, "", "")
        if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
            raise FieldError(f"{path}.port", repr(port[:40]), "a whole number from 1 to 65535")
        number = int(port) if port else HTTPS_PORT
        host = host.removeprefix("[").removesuffix("]")
        return cls.from_json({"host": host, "port": number, "certificate": certificate}, path)


def is_host(text: str) -> bool:
    """Whether it is a host name or an IP address."""
    return is_name(text) or is_ip(text)


def is_name(text: str) -> bool:
    """Whether it is a host name."""
    return bool(_NAME.match(text)) and not _DIGITS.match(text)


def is_ip(text: str) -> bool:
    """Whether it is an IP address, without a zone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
