"""What a check comes to: a state, a sentence that says what is so, and a remedy where something is not right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

UNCHECKED = "could not be checked"  # how its sentence begins
SUDO = "run it with sudo: sudo pi-auto-client doctor"


class State(StrEnum):
    """How bad it is: `wrong` keeps the device from its work, `warn` may come to that."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of the facts; with no remedy there is nothing to do."""

    state: State
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of the check called `name`."""

    name: str
    state: State
    what: str
    remedy: str = ""

    @classmethod
    def of(cls, name: str, verdict: Verdict) -> Finding:
        """What the check `name` has found."""
        return cls(name, verdict.state, verdict.what, verdict.remedy)

    def to_json(self) -> dict[str, str]:
        """The finding for programs."""
        return asdict(self)


def ok(what: str) -> Verdict:
    """All is well."""
    return Verdict(State.OK, what)


def warn(what: str, remedy: str) -> Verdict:
    """It works, but a person should know."""
    return Verdict(State.WARN, what, remedy)


def wrong(what: str, remedy: str) -> Verdict:
    """It does not work."""
    return Verdict(State.WRONG, what, remedy)


def unchecked(reason: str, remedy: str = "see: sudo journalctl -u pi-auto-client -u pi-auto-capture") -> Verdict:
    """The check itself could not be done, so nothing is known."""
    return wrong(f"{UNCHECKED}: {reason}", remedy)
