"""Who may register a device id, decided from what the books hold. Pure.

Whoever registers an id first is believed; from then on only the same claim opens it. The
legacy server gave the hub key of any device to anyone who named it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum, auto


class Decision(Enum):
    """What a registration comes to."""

    ENROL = auto()  # unknown id: a new row, credentials
    ADOPT = auto()  # a row that only the hub's events have made: claimed now, credentials
    RENEW = auto()  # the same claim again: a fresh token beside the last one
    KNOWN = auto()  # no claim for an id registered without one: welcome, but credentials were given once
    REFUSE = auto()  # somebody else's


@dataclass(frozen=True, slots=True)
class Holding:
    """What the books hold of an id: the hash of its claim, and whether a token was ever issued."""

    claim_hash: bytes | None
    has_token: bool


def hash_secret(secret: str) -> bytes:
    """SHA-256: enough for secrets of 256 random bits, and a stolen copy opens nothing."""
    return hashlib.sha256(secret.encode()).digest()


def decide(held: Holding | None, claim: str | None) -> Decision:
    """What is to be done with a registration that shows `claim`, or none."""
    if held is None:
        return Decision.ENROL
    if held.claim_hash is not None:
        proved = claim is not None and hmac.compare_digest(hash_secret(claim), held.claim_hash)
        return Decision.RENEW if proved else Decision.REFUSE
    if held.has_token:
        return Decision.REFUSE if claim else Decision.KNOWN
    return Decision.ADOPT
