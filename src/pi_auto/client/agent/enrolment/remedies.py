"""What a person is told of a device that its fleet has not taken in: what is so, and what they have to do.

The server's own sentence is not used: these know the device's side, and no server's words get into them. Pure.
"""

from __future__ import annotations

from pi_auto.wire.verdicts import Refusing, Waiting

_APPROVE = "on the server: pi-auto-server enrolment approve {serial} {key}"
_PREAUTHORISE = "on the server: pi-auto-server enrolment preauthorise {serial} --fingerprint {whole_key}"
_DECOMMISSION = "on the server: pi-auto-server enrolment decommission {device_id}"
_NEW_CARD = "install it again with a card of the fleet that it is to belong to"
_CLOCK = "see the line about the clock; if it stays so, look at the server's log"

_WORDS: dict[str, tuple[str, str]] = {
    Waiting.APPROVAL: ("it waits until an operator approves it", _APPROVE),
    Waiting.NEW_KEY: (
        "its serial is known with another key: a replaced SD card, a factory reset, or somebody who poses as it",
        "if its card was replaced or reset, " + _APPROVE,
    ),
    Waiting.TAKEN_ID: (
        "another device has its id {device_id}",
        "give it another one by the setting device_id, or " + _DECOMMISSION,
    ),
    Waiting.OTHER_SERIAL: (
        "its key is known with another serial: its SD card was in another machine",
        "put the card back, or make it a device of its own: sudo pi-auto-client factory-reset",
    ),
    Refusing.SIGNATURE: ("its signature does not fit the key that the fleet knows", _CLOCK),
    Refusing.NONCE: ("what it signed was not used in time", _CLOCK),
    Refusing.FLEET: ("its card is of another fleet", _NEW_CARD),
    Refusing.REVOKED: (
        "an operator has shut it out",
        "if that is no longer so, on the server: pi-auto-server enrolment lift {device_id}",
    ),
    Refusing.CLOSED: (
        "the fleet takes in only devices that it was told of",
        _PREAUTHORISE,
    ),
    Refusing.BATCH_TOKEN: (
        "its batch token is missing, unknown, run out or used up",
        "install it again with a card that has a new one, or " + _PREAUTHORISE,
    ),
    Refusing.SECRET: (
        "what was granted to its serial is for another key or another secret",
        _PREAUTHORISE,
    ),
    Refusing.UNKNOWN: ("the fleet does not know it", "wait a moment; it enrols again by itself"),
    Refusing.CROWDED: ("too many requests from its network were wrong", "wait a minute"),
    Refusing.FULL: ("too many devices wait for an operator", "on the server: pi-auto-server enrolment pending"),
}
KEY_SHOWN = 16  # digits of a fingerprint: what an operator compares and types


def words_for(reason: Waiting | Refusing, device_id: str, serial: str, fingerprint: str) -> tuple[str, str]:
    """What is so, and what to do about it."""
    facts = {"device_id": device_id, "serial": serial, "key": fingerprint[:KEY_SHOWN], "whole_key": fingerprint}
    said, remedy = (text.format_map(facts) for text in _WORDS[reason])
    return f"{said} (serial {serial}, key {facts['key']})", remedy
