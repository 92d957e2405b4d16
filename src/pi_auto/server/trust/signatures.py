"""Makes and checks signatures: ECDSA with SHA-256 on P-256, in DER, over what `wire/signed` says."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pi_auto.server.trust.authority import public_half
from pi_auto.server.trust.certificates import Key
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.signed import Signed, bytes_to_sign, payload_of


def is_signed_by(key: PublicKey, signed: Signed) -> bool:
    """Whether the envelope's signature was made with that key over these very bytes."""
    loaded = load_der_public_key(key.der)
    if not isinstance(loaded, EllipticCurvePublicKey):
        return False
    try:
        loaded.verify(signed.signature, signed.signed_bytes, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def sign(key: Key, kind: str, content: dict[str, Any]) -> Signed:
    """The content in an envelope."""
    payload = payload_of(content)
    signature = key.sign(bytes_to_sign(kind, payload), ECDSA(SHA256()))
    return Signed(kind, payload, signature, public_half(key).fingerprint)
