"""Public keys of devices and fleets, on the curve P-256, as they travel: SubjectPublicKeyInfo, 91 bytes.

Reading one is arithmetic alone: the form is fixed and the point must be on the curve, so that
whoever gets a key out of here can use it. Signing and checking is done elsewhere: by the
`openssl` command on the device, by a library on the server.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
MOST_SIGNATURE = 72  # bytes of an ECDSA signature on P-256 in DER

# RFC 5480: the algorithm id-ecPublicKey on the curve secp256r1, then 66 bytes of bit string.
_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_LENGTH = len(_PREFIX) + 65
_UNCOMPRESSED = 4
# The curve, SEC 2 section 2.4.2: y² = x³ - 3x + b over the field of P.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_ALLOWED = f"a public key on the curve P-256: SubjectPublicKeyInfo, {_LENGTH} bytes, not compressed"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve in `der`. Two of them are the same key if they are equal."""

    der: bytes

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex: how people and preauthorisations name the key."""
        return hashlib.sha256(self.der).hexdigest()

    def __str__(self) -> str:
        return b64encode(self.der).decode()

    @classmethod
    def from_der(cls, der: bytes, field: str) -> PublicKey:
        """Check it, or raise FieldError that names it as `field`."""
        if len(der) != _LENGTH or not der.startswith(_PREFIX) or der[len(_PREFIX)] != _UNCOMPRESSED:
            raise FieldError(field, f"{len(der)} bytes of another form", _ALLOWED)
        if not _on_curve(der[len(_PREFIX) + 1 :]):
            raise FieldError(field, "no point of the curve", _ALLOWED)
        return cls(der)

    @classmethod
    def from_fields(cls, fields: Fields, name: str) -> PublicKey:
        """Read it out of a message, where it is base64."""
        return cls.from_der(fields.octets(name, most=_LENGTH), fields.at(name))


def _on_curve(point: bytes) -> bool:
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0
