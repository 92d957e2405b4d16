"""The server's one key of releases: it signs snapshot and timestamp, and lies sealed as the other secrets do.

Whoever steals it can keep a fleet from hearing of news, and can publish nothing: that takes keys
which no server ever holds.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from securesystemslib.signer import CryptoSigner

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.keeping import make_once, read
from pi_auto.server.trust.sealing import SealingKey

_NAME = "update online key"


def online_file(data: Path) -> Path:
    """Where it lies."""
    return data / "trust" / "update_online.sealed"


def open_online(data: Path, key: SealingKey) -> CryptoSigner:
    """The key of this data folder, made where there is none. Raises ReleaseError."""
    path = online_file(data)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = read(path) if path.exists() else make_once(path, key.seal(_NAME, _new()))
        return CryptoSigner(load_der_private_key(key.open(_NAME, sealed), None))
    except (OSError, TrustError, ValueError) as error:
        raise ReleaseError(f"the server's key for updates, {path}, cannot be used: {error}") from error


def renew_online(data: Path, key: SealingKey) -> CryptoSigner:
    """Another key in its place, when a thief may have the old one: devices take it with the next root."""
    online_file(data).unlink(missing_ok=True)
    return open_online(data, key)


def _new() -> bytes:
    made = CryptoSigner.generate_ed25519()
    return made._private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())  # noqa: SLF001 - it has no public way but PEM
