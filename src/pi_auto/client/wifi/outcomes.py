"""What can come of a Wi-Fi code, by one word each, and the sentence for people.

A word is all that the helper says of a code, so that nothing that stood in it can travel with it.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """One word."""

    TRYING = "trying"  # said now and then until another one comes
    JOINED = "joined"
    OFF = "off"
    NOT_NOW = "not_now"
    OPEN = "open"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"
    NO_MANAGER = "no_manager"
    NOT_ALLOWED = "not_allowed"
    NO_RADIO = "no_radio"
    RADIO_OFF = "radio_off"
    NO_HELPER = "no_helper"
    NOT_FOUND = "not_found"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word for people
    NO_ADDRESS = "no_address"
    NO_SERVER = "no_server"
    FAILED = "failed"


UNDONE = frozenset(
    (Outcome.NOT_FOUND, Outcome.WRONG_PASSWORD, Outcome.NO_ADDRESS, Outcome.NO_SERVER, Outcome.FAILED)
)  # it was tried, and all is as it was before

SENTENCES = {
    Outcome.TRYING: "joining it",
    Outcome.JOINED: "joined, and the fleet's server was reached through it",
    Outcome.OFF: "not followed: the setting wifi_by_scanning is off",
    Outcome.NOT_NOW: (
        "not followed: this device belongs to a fleet and has a network; it would be without a network, or within "
        "five minutes after the start"
    ),
    Outcome.OPEN: (
        "not followed: it is of a network without a safe password, which is joined only by a device that belongs "
        "to no fleet yet"
    ),
    Outcome.UNREADABLE: "not followed: the code is damaged, or not as phones make it",
    Outcome.UNSUPPORTED: "not followed: this network wants more than a password (EAP)",
    Outcome.NO_MANAGER: "not followed: NetworkManager does not run on this device",
    Outcome.NOT_ALLOWED: "not followed: NetworkManager does not let pi-auto-wifi join one; is polkitd installed?",
    Outcome.NO_RADIO: "not followed: this device has no Wi-Fi that NetworkManager manages",
    Outcome.RADIO_OFF: "not followed: Wi-Fi is switched off; on Raspberry Pi OS the country has to be set",
    Outcome.NO_HELPER: "not followed: nothing on this device joins networks (pi-auto-wifi.socket)",
    Outcome.NOT_FOUND: "undone: no such network is in reach",
    Outcome.WRONG_PASSWORD: "undone: the network did not take the password",
    Outcome.NO_ADDRESS: "undone: the network gave no address",
    Outcome.NO_SERVER: "undone: the fleet's server was not reached through it",
    Outcome.FAILED: "undone: it did not work",
}
