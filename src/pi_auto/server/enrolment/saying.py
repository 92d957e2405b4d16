"""The sentences that go with a verdict: what is so, and what a person can do about it. Pure."""

from __future__ import annotations

from pi_auto.wire.verdicts import Pending, Refused, Refusing, Waiting

_WAITING = {
    Waiting.APPROVAL: "the device is noted and waits for an operator's yes",
    Waiting.NEW_KEY: "this serial is enrolled with another key; an operator has to say that its card was replaced",
    Waiting.TAKEN_ID: "another device has this id, or this device has another id; an operator has to settle it",
    Waiting.OTHER_SERIAL: "this key is enrolled with another serial; the device has to make a key of its own",
}
_REFUSED = {
    Refusing.SIGNATURE: ("the signature does not fit the device's key", 300),
    Refusing.NONCE: ("the nonce is not of this server, has run out or was used; ask for another one", 0),
    Refusing.FLEET: ("the request was signed for another fleet; this device has another fleet's card", 3600),
    Refusing.REVOKED: ("an operator has shut this device out, and alone can let it in again", 3600),
    Refusing.CLOSED: ("this fleet takes in no devices that it was not told of", 3600),
    Refusing.BATCH_TOKEN: ("the batch token is missing, unknown, run out or used up", 3600),
    Refusing.SECRET: ("what was granted to this serial beforehand is for another key or another secret", 3600),
    Refusing.UNKNOWN: ("no such device is enrolled with a key; enrol it", 0),
    Refusing.CROWDED: ("too many requests from this address were wrong, or this device asks too often", 60),
    Refusing.FULL: ("too many devices wait for an operator", 600),
}
_ASK_AGAIN = 30  # seconds


def waiting(device_id: str, reason: Waiting) -> Pending:
    """What a device is told that waits."""
    return Pending(device_id, reason, _ASK_AGAIN, _WAITING[reason])


def refusal(reason: Refusing) -> Refused:
    """What a device is told that is refused."""
    sentence, seconds = _REFUSED[reason]
    return Refused(reason, sentence, seconds)
