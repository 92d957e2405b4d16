"""The one-time code that binds a box without a fleet card: the console shows it, the box's scanner reads it.

    PIAUTO:1/FXUEATBDJPWI3C/<commitment>/<secret>/HOST:PORT/<check>

It proves the fleet to the box and the box to the fleet. `commitment` is a hash of everything in the
fleet card that a device believes its fleet by, so a card that comes over an unproven connection is good
if it fits, and an impostor's never does. `secret` lets one device in, once, for minutes; it goes to
nobody but a server that has proved the fleet. `check` tells a misread code, such as one of a scanner
whose keyboard is set to another language, from a good one.

All of it is in capitals, digits and a few signs, which QR codes hold in their dense form. The address
may be missing; then the field is empty.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass, field

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FLEET_ID, FleetCard
from pi_auto.wire.server_address import ServerAddress
from pi_auto.wire.strict_json import write_plainly

PREFIX = "PIAUTO:"
MOST_CODE = 400  # characters
SECRET_BYTES = 16
_VERSION = "1"
_COMMITMENT = 32  # characters of base32: 160 bits
_SECRET = 26  # 128 bits
_CHECK = 4
_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_ALLOWED = "PIAUTO:1/FLEET/COMMITMENT/SECRET/HOST:PORT/CHECK, as the console shows it"


@dataclass(frozen=True, slots=True)
class BindingCode:
    """What the code says; `server` is where the fleet's server is, None where the box has to find it."""

    fleet_id: str
    commitment: str
    secret: str = field(repr=False)
    server: ServerAddress | None = None

    def __str__(self) -> str:
        """The code as it is shown. It holds the secret."""
        said = f"{PREFIX}{_VERSION}/{self._body()}/"
        return said + check_of(said)

    @property
    def shown_secret(self) -> str:
        """What the device signs as its `secret` when it enrols: of the form of every one-time secret."""
        octets = hashlib.sha256(b"pi-auto binding code 1\n" + self.secret.encode()).digest()
        return "once_" + urlsafe_b64encode(octets).decode().rstrip("=")

    def fits(self, card: FleetCard) -> bool:
        """Whether this is the card of the fleet that made the code, from wherever it came."""
        return card.fleet_id == self.fleet_id and hmac.compare_digest(commitment_of(card), self.commitment)

    @classmethod
    def parse(cls, text: str) -> BindingCode:
        """Read a code. Raises FieldError, which shows nothing of it."""
        parts = text.removeprefix(PREFIX).split("/") if is_binding_code(text) and len(text) <= MOST_CODE else []
        if len(parts) != 6 or parts[0] != _VERSION:
            raise FieldError("the binding code", "of another form", _ALLOWED)
        if not hmac.compare_digest(check_of(text[:-_CHECK]).encode(), text[-_CHECK:].encode()):
            raise FieldError(
                "the binding code", "misread", "one whose last four characters fit the rest; scan again"
            )
        _, fleet, commitment, secret, address, _ = parts
        if not (_is_base32(commitment, _COMMITMENT) and _is_base32(secret, _SECRET)):
            raise FieldError("the binding code", "of another form", _ALLOWED)
        fleet_id = Fields({"fleet_id": fleet.lower()}).text("fleet_id", most=32, form=FLEET_ID)
        server = ServerAddress.parse(address.lower(), "the binding code's address") if address else None
        return cls(fleet_id, commitment, secret, server)

    def _body(self) -> str:
        address = str(self.server).upper() if self.server else ""
        return f"{self.fleet_id.upper()}/{self.commitment}/{self.secret}/{address}"


def is_binding_code(text: str) -> bool:
    """Whether a scan is meant as one, good or not: it is never stored, queued, logged or sent."""
    return text.startswith(PREFIX)


def commitment_of(card: FleetCard) -> str:
    """A hash of what a device believes its fleet by: id, authority, key, and the root of its updates, if any.

    Addresses may change meanwhile.
    """
    believed = {"ca": card.ca, "fleet_id": card.fleet_id, "fleet_key": str(card.fleet_key)}
    if card.update_root is not None:
        believed["update_root"] = card.update_root
    octets = hashlib.sha256(b"pi-auto fleet commitment 1\n" + write_plainly(believed)).digest()
    return b32encode(octets[: _COMMITMENT * 5 // 8]).decode()


def secret_of(octets: bytes) -> str:
    """`SECRET_BYTES` random bytes as the code holds them."""
    if len(octets) != SECRET_BYTES:
        raise ValueError(f"a secret of {len(octets)} bytes; it has {SECRET_BYTES}")
    return b32encode(octets).decode().rstrip("=")


def check_of(said: str) -> str:
    """The check of everything before it, the last `/` included."""
    return b32encode(hashlib.sha256(said.encode()).digest()).decode()[:_CHECK]


def _is_base32(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= _BASE32
