"""How a device with a key of its own asks to be taken in, and how it gets its next token.

    device                                         server
    POST /api/register_device/nonce  {}       ->   Nonce, good for five minutes and one use
    POST /api/register_device  Signed Enrolment -> 200 RegistrationAnswer, 202 Pending or 403 Refused
    POST /api/renew_token      Signed Renewal   -> 200 Token, or 403 Refused

Both carry the server's nonce and the fleet's id under the signature, so what was overheard or
asked by an impostor is worth nothing elsewhere or later. Times of the device are told, never
judged: its clock may stand in 1970.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import BATCH_TOKEN, FLEET_ID
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.keys import FINGERPRINT, PublicKey
from pi_auto.wire.registration import TOKEN, Registration

NONCE = re.compile(r"[A-Za-z0-9_-]{32,128}\Z")
SERIAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z:._-]{0,63}\Z")
SERIAL_ALLOWED = "a letter or a digit, and up to 63 letters, digits and : . _ - behind it"
SECRET = re.compile(r"once_[A-Za-z0-9_-]{43}\Z")
MOST_RETRY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a device has to put under its next signature, and for how many seconds it is good."""

    nonce: str
    expires_in: int

    def to_json(self) -> dict[str, Any]:
        """The nonce as it travels."""
        return {"nonce": self.nonce, "expires_in": self.expires_in}

    @classmethod
    def from_json(cls, value: object) -> Nonce:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(nonce_of(fields), fields.integer("expires_in", least=1, most=MOST_RETRY))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a device signs to be taken in.

    `serial` is its hardware's, `boot` the id of the running boot. `batch_token` is the card's, `secret`
    one that was made for this serial alone; either is shown once and erased when the device is enrolled.
    `holds` is the SHA-256 of the token it has kept, in hex: that stays good, since this answer may be lost.
    """

    fleet_id: str
    nonce: str = field(repr=False)
    serial: str
    key: PublicKey
    boot: str
    registration: Registration
    batch_token: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    holds: str | None = None

    @property
    def device_id(self) -> str:
        """The id that it asks for."""
        return self.registration.device_id

    def to_json(self) -> dict[str, Any]:
        """The payload that is signed."""
        shown = {"batch_token": self.batch_token, "secret": self.secret, "holds": self.holds}
        return {
            "fleet_id": self.fleet_id,
            "nonce": self.nonce,
            "serial": self.serial,
            "public_key": str(self.key),
            "boot": self.boot,
            "registration": self.registration.to_json(),
        } | {name: value for name, value in shown.items() if value is not None}

    @classmethod
    def from_json(cls, value: object) -> Enrolment:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(
            fleet_id=fields.text("fleet_id", most=32, form=FLEET_ID),
            nonce=nonce_of(fields),
            serial=fields.text("serial", most=64, form=SERIAL),
            key=PublicKey.from_fields(fields, "public_key"),
            boot=fields.uuid("boot"),
            registration=Registration.from_json(fields.object("registration").raw),
            batch_token=fields.optional("batch_token", lambda n: fields.text(n, most=64, form=BATCH_TOKEN)),
            secret=fields.optional("secret", lambda n: fields.text(n, most=64, form=SECRET)),
            holds=fields.optional("holds", lambda n: fields.text(n, most=64, form=FINGERPRINT)),
        )


@dataclass(frozen=True, slots=True)
class Renewal:
    """What an enrolled device signs to get its next token. `holds` is the SHA-256 of the token it has, in hex.

    A token that is neither the current nor the one before it tells that two devices have this key.
    """

    fleet_id: str
    nonce: str = field(repr=False)
    device_id: str
    boot: str
    holds: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The payload that is signed."""
        return {
            "fleet_id": self.fleet_id,
            "nonce": self.nonce,
            "device_id": self.device_id,
            "boot": self.boot,
            "holds": self.holds,
        }

    @classmethod
    def from_json(cls, value: object) -> Renewal:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        return cls(
            fleet_id=fields.text("fleet_id", most=32, form=FLEET_ID),
            nonce=nonce_of(fields),
            device_id=device_id_of(fields),
            boot=fields.uuid("boot"),
            holds=fields.optional("holds", lambda n: fields.text(n, most=64, form=FINGERPRINT)),
        )


@dataclass(frozen=True, slots=True)
class Token:
    """A device's next token, good for `expires_in` seconds; the one before it is good for as long as it was."""

    api_token: str = field(repr=False)
    expires_in: int

    def to_json(self) -> dict[str, Any]:
        """The token as it travels."""
        return {"status": "success", "api_token": self.api_token, "token_expires_in": self.expires_in}

    @classmethod
    def from_json(cls, value: object) -> Token:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        seconds = fields.integer("token_expires_in", least=1, most=7 * 86_400)
        return cls(fields.text("api_token", most=256, form=TOKEN), seconds)


def nonce_of(fields: Fields) -> str:
    """A nonce out of a message."""
    return fields.text("nonce", most=128, form=NONCE)
