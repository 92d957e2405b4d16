"""Seals the server's secrets under a key that lies outside its data: a stolen backup opens nothing.

AES-256-GCM with a random nonce of 96 bits; the name of what is sealed is authenticated, so that
one sealed file cannot be put in another's place.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.keeping import make_once, read

CREDENTIAL = "pi-auto-key"
_HEAD = b"pi-auto sealed 1\n"
_NONCE = 12
_KEY = re.compile(rb"pi-auto key 1 ([0-9a-f]{64})\n\Z")
_FOREIGN = stat.S_IRWXO | stat.S_IWGRP  # systemd shows a credential's access list as bits of the group


class SealingKey:
    """The key that seals and opens. It has no repr and goes into no log."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, name: str, content: bytes) -> bytes:
        """The content as it may lie in the data folder."""
        nonce = os.urandom(_NONCE)
        return _HEAD + nonce + AESGCM(self._key).encrypt(nonce, content, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """What was sealed under that name. Raises TrustError."""
        if not sealed.startswith(_HEAD):
            raise TrustError(f"the sealed {name} is not of a form that this version knows")
        body = sealed[len(_HEAD) :]
        try:
            return AESGCM(self._key).decrypt(body[:_NONCE], body[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            raise TrustError(
                f"the sealed {name} does not open: the key file is another one than it was sealed with,"
                " or the file is damaged; bring back the key file that belongs to this data folder"
            ) from None

    def derive(self, purpose: str) -> bytes:
        """Another secret, 32 bytes, that follows from the key and tells nothing of it."""
        return HKDF(SHA256(), 32, salt=None, info=f"pi-auto {purpose}".encode()).derive(self._key)


def key_file(data: Path, setting: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the key lies: as told, as systemd's credential, else beside the data folder. Raises TrustError."""
    credential = Path(environment.get("CREDENTIALS_DIRECTORY") or "/nonexistent") / CREDENTIAL
    fallback = credential if credential.exists() else data.with_name(f"{data.name}.key")
    path = setting or fallback
    if path.resolve().is_relative_to(data.resolve()):
        raise TrustError(
            f"the key file {path} lies in the data folder, where each backup takes it along; name one outside it"
            " with --key-file FILE"
        )
    return path


def sealing_key(path: Path, *, sealed: bool) -> SealingKey:
    """The key in the file, which is made where nothing was `sealed` so far. Raises TrustError."""
    try:
        if not path.exists():
            _refuse_lost(path, sealed=sealed)
            make_once(path, b"pi-auto key 1 %s\n" % os.urandom(32).hex().encode())
        return SealingKey(_key_in(path))
    except OSError as error:
        raise TrustError(f"the key file {path} cannot be used: {error.strerror}") from error


def _refuse_lost(path: Path, *, sealed: bool) -> None:
    if sealed:
        raise TrustError(
            f"the key file {path} is missing, and this server's secrets are sealed with it; bring it back, or name"
            " where it is with --key-file FILE. Without it the fleet's devices cannot be reached any more"
        )


def _key_in(path: Path) -> bytes:
    if path.is_dir():  # before its mode: nobody is to be told to take a folder such as /tmp from its users
        raise TrustError(f"the key file {path} is a folder; name a file with --key-file FILE")
    if path.stat().st_mode & _FOREIGN:
        raise TrustError(f"others can read the key file {path}; as its owner run: chmod 600 {path}")
    found = _KEY.match(read(path))
    if not found:
        raise TrustError(f"the key file {path} holds no key: `pi-auto key 1`, a blank and 64 hex digits")
    return bytes.fromhex(found[1].decode())
