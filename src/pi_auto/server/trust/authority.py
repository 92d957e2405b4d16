"""The fleet's authority: its id, the key and certificate that vouch for servers, the key that proves the fleet.

All of it lies in one sealed file, which is made once: a power cut leaves the whole of it or
nothing, never an id without its key, and never two authorities.
"""

from __future__ import annotations

import json
import secrets
from base64 import b32encode, b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from pi_auto.server.trust.certificates import Key, authority_certificate, new_key
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.keeping import make_once, read
from pi_auto.server.trust.sealing import SealingKey
from pi_auto.wire.keys import PublicKey

_NAME = "authority"
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Authority:
    """What makes this server the fleet's. The private keys are in no repr."""

    fleet_id: str
    certificate: x509.Certificate
    ca_key: Key = field(repr=False)
    fleet_key: Key = field(repr=False)

    @property
    def public_key(self) -> PublicKey:
        """The fleet key's public half, as the card holds it."""
        return public_half(self.fleet_key)

    @property
    def pem(self) -> str:
        """The authority's certificate, as the card holds it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def public_half(key: Key) -> PublicKey:
    """The public half of a private key."""
    return PublicKey.from_der(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "key"
    )


def sealed_file(data: Path) -> Path:
    """Where it lies."""
    return data / "trust" / "authority.sealed"


def open_authority(data: Path, key: SealingKey, now: datetime) -> Authority:
    """The authority of this data folder, made where there is none. Raises TrustError."""
    path = sealed_file(data)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = read(path) if path.exists() else make_once(path, key.seal(_NAME, _write(_make(now))))
    except OSError as error:
        raise TrustError(f"the fleet's authority {path} cannot be used: {error.strerror}") from error
    return _read(key.open(_NAME, sealed))


def _make(now: datetime) -> Authority:
    fleet_id = "f" + b32encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=").lower()
    ca_key, fleet_key = new_key(), new_key()
    return Authority(fleet_id, authority_certificate(fleet_id, ca_key, now), ca_key, fleet_key)


def _write(authority: Authority) -> bytes:
    held = {
        "format": 1,
        "fleet_id": authority.fleet_id,
        "certificate": authority.pem,
        "ca_key": _pkcs8(authority.ca_key),
        "fleet_key": _pkcs8(authority.fleet_key),
    }
    return json.dumps(held).encode()


def _read(octets: bytes) -> Authority:
    held = json.loads(octets)
    if held.get("format") != 1:
        raise TrustError("the fleet's authority was made by a newer version; run that one")
    certificate = x509.load_pem_x509_certificate(held["certificate"].encode())
    return Authority(held["fleet_id"], certificate, _key(held["ca_key"]), _key(held["fleet_key"]))


def _pkcs8(key: Key) -> str:
    return b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def _key(text: str) -> Key:
    key = load_der_private_key(b64decode(text), None)
    if not isinstance(key, Key):
        raise TrustError("the fleet's authority holds a key of another kind")
    return key
