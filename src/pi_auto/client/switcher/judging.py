"""Judges a release that is tried out, by what is seen of it. Pure: facts in, a verdict out.

A release is kept once capture and agent have worked for a while without being started again, a
scanner could be opened or none is plugged in, the queue was written and read, and server or hub
was reached. One that crashes is gone back from at once, one that does not get there in its time
at the deadline. Where the network was down before already, reaching the server is waited for
without an end: it tells nothing about the release.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from pi_auto.client.switcher.services import Standing
from pi_auto.client.switcher.trial import Why

MOST_RESTARTS = 3  # of one service, by itself


@dataclass(frozen=True, slots=True)
class Facts:
    """What is seen of the services `ran` at one moment.

    `opened` scanners are open, `troubles` could not be; `stored` and `read` say how the queue stands (None:
    nothing is told yet), `reached` whether server or hub has answered.
    """

    services: dict[str, Standing]
    opened: int = 0
    troubles: tuple[str, ...] = ()
    stored: bool | None = None
    read: bool | None = None
    reached: bool = False
    said: str = ""  # by the agent, of the server
    lately: str = ""  # what was wrong when something last was


@dataclass(frozen=True, slots=True)
class Before:
    """How it stood before the switch: what was not so then is not asked of the new release."""

    opened: int
    reached: bool


class Restarts:
    """When services were started again by themselves: a trial that waits for a network may take days.

    Times in seconds. systemd tells only how often it was, since the service was started by hand.
    """

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = {}

    def within(self, window: float, now: float, services: dict[str, Standing]) -> dict[str, Standing]:
        """The same services, with their restarts of the last `window` seconds alone."""
        for unit, one in services.items():
            times = self._times.setdefault(unit, [])
            times += [now] * (one.restarts - len(times))
        return {
            unit: replace(one, restarts=sum(now - time < window for time in self._times[unit]))
            for unit, one in services.items()
        }


class Ruling(Enum):
    """What is to be done."""

    WAIT = "wait"
    WORKS_HERE = "works here"  # all but the server
    COMMIT = "commit"
    GO_BACK = "go back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ruling, with the reason where it is to go back."""

    ruling: Ruling
    why: Why | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: since the start, and since it has been well; how long it may take, and has to stay well."""

    elapsed: float
    well_for: float
    deadline: float
    stable: float


def judge(facts: Facts, before: Before, times: Times) -> Verdict:
    """What is to be done now."""
    if crash := _crash(facts):
        return Verdict(Ruling.GO_BACK, Why.CRASHED, crash)
    faults = faults_of(facts, before)
    if not faults and times.well_for >= times.stable:
        return _works_here(facts, before, times)
    if times.elapsed >= times.deadline + times.stable:
        reason = "; ".join(faults) or facts.lately or "it did not stay well for long enough"
        return Verdict(Ruling.GO_BACK, Why.HUNG, f"after {times.deadline:.0f} s: {reason}")
    return Verdict(Ruling.WAIT)


def _works_here(facts: Facts, before: Before, times: Times) -> Verdict:
    if facts.reached:
        return Verdict(Ruling.COMMIT)
    if before.reached and times.elapsed >= times.deadline:
        return Verdict(Ruling.GO_BACK, Why.UNREACHED, _unreached(facts, times.deadline))
    return Verdict(Ruling.WORKS_HERE)


def faults_of(facts: Facts, before: Before) -> list[str]:
    """A sentence for each thing on this device that does not work."""
    faults = [f"{unit} does not work: {_words(one)}" for unit, one in facts.services.items() if not one.active]
    if not facts.opened and facts.troubles and before.opened:
        faults.append(f"no scanner can be opened: {facts.troubles[0]}")
    if not facts.stored:
        faults.append("the queue is not written" if facts.stored is None else "nothing can be stored")
    if not facts.read:
        faults.append("the agent tells nothing of itself" if facts.read is None else "the queue is not read")
    return faults


def _crash(facts: Facts) -> str:
    for unit, one in facts.services.items():
        if one.failed or one.restarts >= MOST_RESTARTS:
            return f"{unit} was started again {one.restarts} times: {_words(one)}"
    return ""


def _unreached(facts: Facts, deadline: float) -> str:
    said = facts.said or "nothing is told"
    return f"neither server nor hub was reached within {deadline:.0f} s, though they were before: {said}"


def _words(one: Standing) -> str:
    return one.words[:200] or "it said nothing"
