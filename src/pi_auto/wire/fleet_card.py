"""The fleet card, `fleet.json`: how a device knows its fleet before it has spoken to anybody.

It holds public things, and maybe a batch token, which a device erases once it is enrolled.
Whoever writes the card decides whom the device obeys: it comes with the installer, never from
the network. It is read strictly; a name nobody knows is refused, since it may be a slip.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from typing import Any

from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.strict_json import read_strictly

FORMAT = 1
FLEET_ID = re.compile(r"[a-z][a-z0-9]{11,31}\Z")
BATCH_TOKEN = re.compile(r"batch_[A-Za-z0-9_-]{43}\Z")
MOST_CARD = 96 * 1024  # bytes
MOST_SERVERS = 16
_MOST_CERTIFICATE, _MOST_ROOT = 4096, 64 * 1024
_NAMES = ("format", "fleet_id", "ca", "fleet_key", "servers", "update_root", "batch_token")
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE = b"\x30"


@dataclass(frozen=True, slots=True)
class FleetCard:
    """One fleet's public part.

    `ca` is the certificate of the fleet's authority (PEM), `fleet_key` signs proofs of the fleet,
    `servers` are tried in their order, `update_root` is the text of the root of its updates.
    """

    fleet_id: str
    ca: str
    fleet_key: PublicKey
    servers: tuple[ServerAddress, ...] = ()
    update_root: str | None = None
    batch_token: str | None = field(default=None, repr=False)

    @property
    def server_name(self) -> str:
        """What the certificate of every server of the fleet bears, whatever address is dialled."""
        return server_name(self.fleet_id)

    def to_json(self) -> dict[str, Any]:
        """The card as it is written."""
        optional = {"update_root": self.update_root, "batch_token": self.batch_token}
        return {
            "format": FORMAT,
            "fleet_id": self.fleet_id,
            "ca": self.ca,
            "fleet_key": str(self.fleet_key),
            "servers": [server.to_json() for server in self.servers],
        } | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def parse(cls, octets: bytes) -> FleetCard:
        """Read a card's file. Raises FieldError."""
        return cls.from_json(read_strictly(octets, "the fleet card", most=MOST_CARD))

    @classmethod
    def from_json(cls, value: object) -> FleetCard:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        _check_names(fields)
        servers = fields.items("servers", most=MOST_SERVERS)
        return cls(
            fleet_id=fields.text("fleet_id", most=32, form=FLEET_ID),
            ca=_certificate(fields, "ca"),
            fleet_key=PublicKey.from_fields(fields, "fleet_key"),
            servers=tuple(ServerAddress.from_json(one, f"servers[{i}]") for i, one in enumerate(servers)),
            update_root=fields.optional("update_root", lambda n: fields.text(n, most=_MOST_ROOT)),
            batch_token=fields.optional("batch_token", lambda n: fields.text(n, most=64, form=BATCH_TOKEN)),
        )


def server_name(fleet_id: str) -> str:
    """The name that a fleet's server proves to be: under no domain of the world, so nobody else can have it."""
    return f"{fleet_id}.pi-auto"


def _check_names(fields: Fields) -> None:
    fields.integer("format", least=FORMAT, most=FORMAT)
    for name in fields:
        if name not in _NAMES:
            raise FieldError(shown(name), "there", "only " + ", ".join(_NAMES))


def _certificate(fields: Fields, name: str) -> str:
    """One certificate in PEM. Whether it says what it should is for whoever loads it to see."""
    allowed = f"one certificate in PEM of at most {_MOST_CERTIFICATE} characters, and nothing beside it"
    text = fields.text(name, most=_MOST_CERTIFICATE)
    if not _der_in(text.strip()).startswith(_SEQUENCE):
        raise FieldError(fields.at(name), "something else", allowed)
    return text


def _der_in(pem: str) -> bytes:
    """The certificate's bytes; none where it is not of the form."""
    if not (pem.startswith(_BEGIN) and pem.endswith(_END)):
        return b""
    try:
        return b64decode("".join(pem.removeprefix(_BEGIN).removesuffix(_END).split()), validate=True)
    except (NotBase64, ValueError):
        return b""
