"""What can come of a binding code, by one word each, and the sentence for people.

A word is all that the agent says of a code, so that nothing that stood in it can travel with it.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """One word."""

    TRYING = "trying"  # until another one comes
    BOUND = "bound"
    WAITS = "waits"
    HAS_FLEET = "has_fleet"
    NO_AGENT = "no_agent"
    MISREAD = "misread"
    TOO_OFTEN = "too_often"
    NO_SERVER = "no_server"
    IMPOSTOR = "impostor"
    CLOCK = "clock"
    NOT_TAKEN = "not_taken"
    WRONG_CODE = "wrong_code"
    CROWDED = "crowded"
    FAILED = "failed"


DONE = frozenset((Outcome.BOUND, Outcome.WAITS))  # from now on the device is its fleet's

SENTENCES = {
    Outcome.TRYING: "looking for the server of the fleet that it names",
    Outcome.BOUND: "the fleet proved itself and has taken this device in",
    Outcome.WAITS: (
        "the fleet proved itself, and this device is its own from now on; an operator has still to say yes "
        "(see: sudo pi-auto-client status)"
    ),
    Outcome.HAS_FLEET: (
        "not followed: this device belongs to a fleet already; to give it away: "
        "sudo pi-auto-client factory-reset --forget-server"
    ),
    Outcome.NO_AGENT: "not followed: the agent does not run; start it: sudo systemctl start pi-auto-client",
    Outcome.MISREAD: (
        "not followed: it was misread, or is damaged; scan it again, and if that stays so calibrate the scanner"
    ),
    Outcome.TOO_OFTEN: "not followed: too many codes within a minute; wait a minute",
    Outcome.NO_SERVER: (
        "not followed: no server of the fleet that it names was reached; is the network there? "
        "The code can be scanned again"
    ),
    Outcome.IMPOSTOR: "not followed: what answers there is not the fleet that it names; nothing was told to it",
    Outcome.CLOCK: (
        "not followed: the dates of the server's certificate are not good, by the fleet's signed time, or by this "
        "clock where it is a public one (see: sudo pi-auto-client doctor)"
    ),
    Outcome.NOT_TAKEN: "refused by the fleet: it takes in no device like this one now",
    Outcome.WRONG_CODE: (
        "refused by the fleet: the code has run out or was used, or is for another device; make a new one"
    ),
    Outcome.CROWDED: "refused by the fleet: too many wrong codes came from this network; wait a minute",
    Outcome.FAILED: "it did not work; see: sudo pi-auto-client doctor",
}
