"""What comes of a call of an old client, decided from what is known of the id it names. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What a call comes to; all but the first are answered 403."""

    SERVED = "served"
    CLOSED = "legacy mode is off here"
    PROXIED = "came through a proxy"
    KEYED = "the id belongs to a device with a key"
    UNKNOWN = "waits for an operator"  # an id that has not registered, or that nobody has said yes to
    REFUSED = "an operator has said no"
    ELSEWHERE = "the id is used from another address"
    CROWDED = "too many wait"


@dataclass(frozen=True, slots=True)
class Known:
    """What the books hold of an old client: where it is expected, and what operators said."""

    address: str
    approved: bool
    refused: bool


def judge(address: str, known: Known | None, *, is_open: bool, keyed: bool) -> Verdict:
    """What a call from `address` under an id comes to.

    `is_open`: old clients are served at that address. `keyed`: the id is a new client's. Without
    a key the address is all that tells one old client from another, and it is a weak proof.
    """
    if not is_open:
        return Verdict.CLOSED
    if keyed:
        return Verdict.KEYED
    if known is None:
        return Verdict.UNKNOWN
    if known.refused:
        return Verdict.REFUSED
    if not known.approved:
        return Verdict.UNKNOWN
    return Verdict.SERVED if known.address == address else Verdict.ELSEWHERE
