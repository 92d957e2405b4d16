"""Whether a roll-out goes on, waits, pauses itself or is done, from its figures alone. Pure.

Failures pause it when there are both enough of them and too large a share: one box that dies on its
own stops nothing, and three of twenty do. A stage is over when its time is, nearly all that it reaches
and that are there have been offered the release, and enough of these run it. Judging twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Move(Enum):
    """What a roll-out does next."""

    STAY = "stays"
    ADVANCE = "goes on to the next stage"
    COMPLETE = "is complete"
    PAUSE = "pauses"


@dataclass(frozen=True, slots=True)
class Limits:
    """Percent of the reached that have to have committed; failures that pause, as a number and as a percentage."""

    success: int = 95
    failures: int = 3
    failure_percent: int = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """Devices of a roll-out, up to its stage. `failed` without those that an operator has forgiven.

    `trying`: are under way, or failed and may try again. Of those in the stage that have not been offered
    it, `unasked` were here within a day and `away` were not. `soaked`: the stage has lasted as long
    as it has to. `last`: there is no stage behind it.
    """

    reached: int = 0
    committed: int = 0
    failed: int = 0
    forgiven: int = 0
    trying: int = 0
    unasked: int = 0
    away: int = 0
    soaked: bool = False
    last: bool = False

    @property
    def finished(self) -> int:
        """Of which it is known how it ended."""
        return self.committed + self.failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why."""

    move: Move
    why: str


def judge(figures: Figures, limits: Limits) -> Verdict:
    """What a running roll-out does now."""
    if too_many(figures, limits):
        return Verdict(Move.PAUSE, f"{figures.failed} of {figures.finished} devices have failed")
    if not figures.soaked:
        return Verdict(Move.STAY, "its stage has to last for a while yet")
    reached = figures.reached - figures.forgiven
    if figures.committed * 100 < limits.success * reached:
        return _short(figures, limits, reached)
    if not figures.reached and figures.away and not figures.unasked:
        return Verdict(Move.STAY, f"none of the {figures.away} devices that it reaches so far is here")
    if not enough_asked(figures, limits):
        return Verdict(Move.STAY, f"{figures.unasked} devices of its stage have still to be offered the release")
    return Verdict(Move.COMPLETE, "all stages are through") if figures.last else Verdict(Move.ADVANCE, "")


def too_many(figures: Figures, limits: Limits) -> bool:
    """Whether so many have failed that it has to pause."""
    share = figures.failed * 100 >= limits.failure_percent * figures.finished
    return figures.failed >= limits.failures and share


def enough_asked(figures: Figures, limits: Limits) -> bool:
    """Whether those that are there and have not been offered it are few."""
    return figures.unasked * 100 <= (100 - limits.success) * (figures.reached + figures.unasked)


def _short(figures: Figures, limits: Limits, reached: int) -> Verdict:
    """Too few have committed: it waits for those that are under way, and pauses where there are none."""
    share = f"{figures.committed} of {reached} devices run it, and {limits.success} % have to"
    if figures.trying or figures.unasked:
        return Verdict(Move.STAY, share)
    return Verdict(Move.PAUSE, f"{share}; the others have failed")
