"""Nonces that the server need not remember until they come back: it knows its own by their seal.

Handing one out costs nothing and is written nowhere, so a flood of askers fills nothing. Only a
nonce that came back under a good signature is written down, so that it is good once.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.store.statements import execute, moments

LASTS = timedelta(minutes=5)
_SKEW = 2.0  # seconds: another server of this fleet may be ahead
_RANDOM, _SEAL = 16, 16  # bytes
MOST_KEPT = 20_000  # that were used last, run out or not: a clock that was ahead for a moment made none good again
_FORGET = """
    DELETE FROM used_nonces WHERE expires_at <= ? AND expires_at <=
        (SELECT expires_at FROM used_nonces ORDER BY expires_at DESC LIMIT 1 OFFSET ?)
"""
_USE = "INSERT INTO used_nonces (hash, expires_at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING"


class Nonces:
    """Makes nonces and knows them again, with a secret that all servers of the fleet share."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, now: datetime) -> str:
        """A fresh nonce: when it was made, something random, and the seal over both."""
        body = int(now.timestamp() * 1000).to_bytes(8, "big") + os.urandom(_RANDOM)
        return urlsafe_b64encode(body + self._seal(body)).decode().rstrip("=")

    def is_good(self, text: str, now: datetime) -> bool:
        """Whether it is ours and has not run out. Whether it was used is in the books."""
        try:
            octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (NotBase64, ValueError):
            return False
        body, seal = octets[:-_SEAL], octets[-_SEAL:]
        if len(body) != 8 + _RANDOM or not hmac.compare_digest(seal, self._seal(body)):
            return False
        age = now.timestamp() - int.from_bytes(body[:8], "big") / 1000
        return -_SKEW <= age < LASTS.total_seconds()

    def _seal(self, body: bytes) -> bytes:
        return hmac.new(self._secret, body, hashlib.sha256).digest()[:_SEAL]


def made_at(text: str) -> datetime:
    """When the server made a nonce that `is_good` has found to be its own."""
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return datetime.fromtimestamp(int.from_bytes(octets[:8], "big") / 1000, UTC)


def use_up(connection: Connection, text: str, now: datetime) -> bool:
    """Note that a nonce was used; whether it was not before. The oldest that have run out are forgotten.

    Of several servers that are shown the same nonce at once, one alone adds the row.
    """
    expires = now + LASTS + timedelta(seconds=2 * _SKEW)
    moment = moments(connection.dialect)
    execute(connection, _FORGET, (moment(now), MOST_KEPT))
    return execute(connection, _USE, (hash_secret(text.rstrip("=")), moment(expires))) == 1
