"""The files that hold the secret keys of releases, away from the server: each encrypted with a passphrase.

A JSON object: the public key in the clear, so that nobody is asked for the passphrase of a key that
is not needed, and the secret one as PKCS8, sealed with AES-256-GCM under a key that scrypt makes
of the passphrase. OpenSSL's own encrypted PKCS8, as `cryptography` writes it, has 2,048 rounds of PBKDF2,
which a stolen file would not withstand.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from securesystemslib.signer import CryptoSigner, Key

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.sealing import SealingKey
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.strict_json import read_strictly

FORMAT = "pi-auto release key 1"
LEAST_PASSPHRASE = 12  # characters
MOST = 16 * 1024  # bytes of a key's file
WORK = 17  # 2^17 blocks of 1 KiB: 128 MiB and a third of a second
_MOST_WORK = 20
_NAME = "release key"


def seal(signer: CryptoSigner, passphrase: str, *, work: int = WORK) -> bytes:
    """A key's file. `work` is the logarithm of scrypt's cost. Raises ReleaseError for a short passphrase."""
    if len(passphrase) < LEAST_PASSPHRASE:
        raise ReleaseError(f"the passphrase is too short; allowed: {LEAST_PASSPHRASE} characters or more")
    salt = os.urandom(16)
    secret = signer._private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())  # noqa: SLF001 - it has no public way but PEM
    key = signer.public_key
    held = {
        "format": FORMAT,
        "keyid": key.keyid,
        "public": key.to_dict(),
        "scrypt": {"log_n": work, "salt": b64encode(salt).decode()},
        "sealed": b64encode(_sealing(passphrase, salt, work).seal(_NAME, secret)).decode(),
    }
    return json.dumps(held, indent=1).encode() + b"\n"


def is_key_file(octets: bytes) -> bool:
    """Whether these are the contents of such a file, or of any other file that holds a private key."""
    return FORMAT.encode() in octets or (b"-----BEGIN" in octets and b"PRIVATE KEY-----" in octets)


def public_in(octets: bytes, what: str) -> Key:
    """The public key in a key's file, or of a public key's file: PEM, or JSON as securesystemslib writes it.

    Raises ReleaseError; `what` names the file.
    """
    if b"-----BEGIN PUBLIC KEY-----" in octets:
        return _from_pem(octets, what)
    try:
        fields = Fields(read_strictly(octets, what, most=MOST))
        told: dict[str, Any] = fields.raw["public"] if fields.has("public") else fields.raw
        told = dict(told)
        keyid = str(told.pop("keyid", None) or fields.text("keyid", most=128))
        return Key.from_dict(keyid, told)
    except (FieldError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{what} holds no public key, as PEM or securesystemslib's JSON: {error}") from error


def unseal(octets: bytes, what: str, passphrase: str) -> CryptoSigner:
    """The key in a key's file. Raises ReleaseError; nothing secret is in it."""
    try:
        fields = Fields(read_strictly(octets, what, most=MOST))
        fields.choice("format", (FORMAT,))
        scrypt = fields.object("scrypt")
        work, salt = scrypt.integer("log_n", least=4, most=_MOST_WORK), scrypt.octets("salt", most=64)
        sealed = fields.octets("sealed", most=4096)
    except FieldError as error:
        raise ReleaseError(f"{what} is no key's file: {error}") from error
    try:
        secret = load_der_private_key(_sealing(passphrase, salt, work).open(_NAME, sealed), None)
    except (TrustError, ValueError):
        raise ReleaseError(f"{what} does not open: the passphrase is wrong, or the file is damaged") from None
    return CryptoSigner(secret)


def _sealing(passphrase: str, salt: bytes, work: int) -> SealingKey:
    return SealingKey(Scrypt(salt, 32, 2**work, 8, 1).derive(passphrase.encode()))


def _from_pem(octets: bytes, what: str) -> Key:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - for few
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415 - the same

    try:
        return SSlibKey.from_crypto(load_pem_public_key(octets))
    except (ValueError, TypeError) as error:
        raise ReleaseError(f"{what} holds no public key that can sign metadata: {error}") from error
