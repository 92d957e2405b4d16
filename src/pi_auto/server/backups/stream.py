"""A stream that only the server's key opens: in go bytes of any length, out come sealed pieces of 1 MiB.

AES-256-GCM under a key of this stream's own, which follows from the server's and a random salt.
The nonce counts the pieces and marks the last, so none can be altered, left out, moved or cut off.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.sealing import SealingKey

_HEAD = b"pi-auto backup 1\n"
_SALT = 32
_PIECE = 1024 * 1024
_TAG = 16


class SealingWriter:
    """Seals what is written to it into `out`. Without `finish` the stream does not open."""

    def __init__(self, key: SealingKey, out: BinaryIO) -> None:
        salt = os.urandom(_SALT)
        out.write(_HEAD + salt)
        self._cipher, self._out = _cipher(key, salt), out
        self._held = bytearray()
        self._count = 0

    def write(self, content: bytes) -> int:
        """Take so many bytes; their number."""
        self._held += content
        while len(self._held) > _PIECE:  # a last piece is always held back
            self._put(bytes(self._held[:_PIECE]), last=False)
            del self._held[:_PIECE]
        return len(content)

    def finish(self) -> None:
        """Write what is held, as the last piece."""
        self._put(bytes(self._held), last=True)

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._count, last=last), piece, None))
        self._count += 1


class OpeningReader:
    """Gives back what was sealed. Raises TrustError at whatever is not as it was written."""

    def __init__(self, key: SealingKey, sealed: BinaryIO) -> None:
        head = sealed.read(len(_HEAD) + _SALT)
        if not head.startswith(_HEAD) or len(head) != len(_HEAD) + _SALT:
            raise TrustError("it is no backup of this server, or of a form that this version does not know")
        self._cipher, self._sealed = _cipher(key, head[len(_HEAD) :]), sealed
        self._next = sealed.read(_PIECE + _TAG)
        self._count = 0
        self._ended = False
        self._held = self._piece()  # a wrong key shows before anything is done

    def read(self, size: int) -> bytes:
        """Up to so many bytes; none at the end."""
        while len(self._held) < size and not self._ended:
            self._held += self._piece()
        given, self._held = self._held[:size], self._held[size:]
        return given

    def _piece(self) -> bytes:
        piece, self._next = self._next, self._sealed.read(_PIECE + _TAG)
        self._ended = not self._next
        nonce = _nonce(self._count, last=self._ended)
        self._count += 1
        try:
            return self._cipher.decrypt(nonce, piece, None)
        except (InvalidTag, ValueError):
            raise TrustError(
                "it does not open: the key file is another one than it was made with, or it is damaged or cut off"
            ) from None


def _cipher(key: SealingKey, salt: bytes) -> AESGCM:
    return AESGCM(key.derive(f"backup {salt.hex()}"))


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])
