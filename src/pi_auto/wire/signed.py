"""A signed message: what is signed is the very bytes that travel, together with what they are meant as.

The form is DSSE (Dead Simple Signing Envelope, protocol 1.0.2, secure-systems-lab). The bytes
under the signature are

    DSSEv1 SP length(type) SP type SP length(payload) SP payload

with lengths in decimal and counted in bytes. Since the type is in it, a signature made for one
purpose is worth nothing for another. Nothing here signs: `signed_bytes` go to ECDSA with
SHA-256 on P-256, and its DER comes back.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.keys import FINGERPRINT, MOST_SIGNATURE
from pi_auto.wire.strict_json import read_strictly, write_plainly

MOST_PAYLOAD = 32 * 1024  # bytes
_TYPE = "application/vnd.pi-auto.{}.v1+json"

ENROLMENT, RENEWAL, PROOF = (_TYPE.format(purpose) for purpose in ("enrolment", "renewal", "fleet-proof"))
TYPES = (ENROLMENT, RENEWAL, PROOF)


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload of one of `TYPES`, its signature (DER), and the fingerprint of the key that is said to fit.

    Nothing of it is believed before the signature was checked, by a key that is known by other means.
    """

    type: str
    payload: bytes
    signature: bytes
    key_id: str

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return bytes_to_sign(self.type, self.payload)

    def content(self) -> dict[str, Any]:
        """The payload as JSON. Raises FieldError."""
        return read_strictly(self.payload, "payload", most=MOST_PAYLOAD)

    def to_json(self) -> dict[str, Any]:
        """The envelope as it travels."""
        signature = {"keyid": self.key_id, "sig": b64encode(self.signature).decode()}
        payload = b64encode(self.payload).decode()
        return {"payloadType": self.type, "payload": payload, "signatures": [signature]}

    @classmethod
    def from_json(cls, value: object, wanted: str) -> Signed:
        """Read an envelope of the type `wanted`, or raise FieldError naming what is wrong."""
        fields = Fields(value)
        if (found := fields.choice("payloadType", TYPES)) != wanted:
            raise fields.refuse("payloadType", f"{wanted} here")
        signatures = fields.items("signatures", most=1)
        if not signatures:
            raise FieldError("signatures", "an empty list", "exactly one signature")
        one = Fields(signatures[0], "signatures[0]")
        return cls(
            type=found,
            payload=fields.octets("payload", most=MOST_PAYLOAD),
            signature=one.octets("sig", most=MOST_SIGNATURE),
            key_id=one.text("keyid", least=64, most=64, form=FINGERPRINT),
        )


def is_signed(value: object) -> bool:
    """Whether a message means to be an envelope; old clients send their registration bare."""
    return isinstance(value, dict) and "payloadType" in value


def bytes_to_sign(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def payload_of(content: dict[str, Any]) -> bytes:
    """The bytes of a payload that is about to be signed."""
    return write_plainly(content)
