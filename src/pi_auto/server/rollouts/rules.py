"""Whether a device is to take a release now, decided from what is known of it. Pure.

A pin goes before every roll-out. Of the roll-outs that reach a device the highest release counts. What
was withdrawn, what is older, and what has failed too often is never offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pi_auto.server.rollouts.candidates import OFFERING, Candidate, Facts, Pinned, Target
from pi_auto.server.rollouts.steps import Attempt

USUAL = timedelta(hours=1)  # devices ask that often by themselves: nobody has to be told to come later than that
PIN_ATTEMPTS = 2
_LEAST_WAIT, _SPREAD = 60, 300  # seconds


@dataclass(frozen=True, slots=True)
class Yes:
    """It is to take this one, by this roll-out (0: by its pin), in this stage."""

    target: Target
    rollout: int
    stage: int
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class No:
    """It is not, and why. `wait`: it is to ask again so soon, in seconds."""

    why: str
    wait: int | None = None


def choose(facts: Facts, now: datetime) -> Yes | No:
    """What a device is to do now."""
    if facts.pin:
        return _by_pin(facts, facts.pin, now)
    takes = [each for each in _newest_first(facts) if _takes(facts, each)]
    due = next((each for each in takes if _is_due(each)), None)
    if due is None:
        return _none_due(takes, facts, now)
    outside = not due.urgent and _outside(facts, now)
    stage = due.reaches or 0
    return outside or Yes(due.target, due.rollout, stage, due.urgent)


def _by_pin(facts: Facts, pin: Pinned, now: datetime) -> Yes | No:
    target = pin.target
    if target.counter == facts.counter:
        return No(f"this device is pinned to {target.version}, which it runs")
    if not _is_newer(facts, target):
        return No(f"this device is pinned to {target.version}, and no device goes back")
    if target.withdrawn:
        return No(f"this device is pinned to {target.version}, which was withdrawn")
    if target.least > facts.at:
        return No(_too_far(facts, target))
    if _exhausted(pin.attempt, PIN_ATTEMPTS):
        return No(f"{target.version} has failed on this device")
    return _outside(facts, now) or Yes(target, 0, 0)


def _newest_first(facts: Facts) -> Iterator[Candidate]:
    return iter(sorted(facts.candidates, key=lambda each: (-each.target.counter, -each.rollout)))


def _takes(facts: Facts, each: Candidate) -> bool:
    """Whether the device would take it, were it its turn."""
    return (
        each.state in OFFERING
        and not each.target.withdrawn
        and _is_newer(facts, each.target)
        and each.target.least <= facts.at
        and not _exhausted(each.attempt, each.attempts)
        and each.reaches is not None
    )


def _is_too_far(facts: Facts, each: Candidate) -> bool:
    """Whether the device would refuse it until it has taken another one."""
    is_due = each.state in OFFERING and not each.target.withdrawn and _is_due(each)
    return is_due and _is_newer(facts, each.target) and each.target.least > facts.at


def _too_far(facts: Facts, target: Target) -> str:
    return f"{target.version} is taken from release counter {target.least} on, and this device is at {facts.at}"


def _is_newer(facts: Facts, target: Target) -> bool:
    return target.version != facts.version and target.counter > facts.counter and target.counter >= facts.highest


def _exhausted(attempt: Attempt | None, most: int) -> bool:
    return attempt is not None and attempt.has_failed and attempt.attempts >= most and not attempt.was_put_off


def _is_due(each: Candidate) -> bool:
    return each.reaches is not None and each.reaches <= each.stage


def _none_due(takes: list[Candidate], facts: Facts, now: datetime) -> No:
    """It waits for its stage, or there is nothing for it; who is next is told when that can be at the earliest."""
    if not takes:
        far = next((each for each in _newest_first(facts) if _is_too_far(facts, each)), None)
        return No(_too_far(facts, far.target) if far else "no update is available")
    first = takes[0]
    why = f"{first.target.version} is rolled out in stages, and this device waits for its own"
    if first.reaches != first.stage + 1 or first.stage_at is None:
        return No(why)
    return No(why, _wait(first.stage_at + timedelta(seconds=first.stages[first.stage].soak), facts.phase, now))


def _outside(facts: Facts, now: datetime) -> No | None:
    """That it is outside of its window, if it is."""
    if facts.window is None or facts.window.is_open(now):
        return None
    opens, closes = facts.window.opening(now)
    spread = min(_SPREAD, (closes - opens).total_seconds() / 4)
    return No(f"it waits for its maintenance window, {facts.window}", _wait(opens, facts.phase, now, spread))


def _wait(until: datetime, phase: float, now: datetime, spread: float = _SPREAD) -> int | None:
    """Seconds until shortly after that moment; None where the device asks before by itself."""
    left = (until - now).total_seconds()
    if left >= USUAL.total_seconds():
        return None
    return round(max(left, _LEAST_WAIT) + phase * spread)
