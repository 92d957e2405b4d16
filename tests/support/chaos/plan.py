"""Which faults strike when: the same for the same seed. Pure.

They leave the programs time to find back in between: where nothing ever works nothing is tried.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can strike. Those of the net strike a door, those of processes one of Household.victims."""

    KILL = "kill"  # SIGKILL
    STOP = "stop"  # SIGSTOP, and SIGCONT later
    CUT = "cut"  # the door hangs up, and on whoever comes
    STALL = "stall"  # nothing passes, and nobody is told
    SLOW = "slow"  # a few kB a second
    BREAK = "break"  # half of an answer passes, then the door hangs up
    MUTE = "mute"  # what is asked passes, no answer does
    DEAF = "deaf"  # answers pass; what is asked never arrives, and who asks takes it for sent
    FULL = "full"  # the Pi's disk
    CLOCK = "clock"  # the Pi's wall clock is another one for a while
    RESTART = "restart"  # SIGKILL of everything at once


OF_PROCESSES = (Fault.KILL, Fault.STOP)
OF_THE_NET = (Fault.CUT, Fault.STALL, Fault.SLOW, Fault.BREAK, Fault.MUTE, Fault.DEAF)
DOORS = ("api", "hub")
_HOUR, _DAY = 3600, 86400
_MOST_CODES, _BEHIND = 8, 0.08  # codes before a kill, and seconds until then
_ACCOMPANIED = dict.fromkeys(Fault, 0.4) | {Fault.FULL: 1.0}  # how probable a kill in the midst of it is
_CONCERNED = {
    **{(fault, "api"): ("agent", "worker", "server") for fault in OF_THE_NET},
    **{(fault, "hub"): ("agent", "hub") for fault in OF_THE_NET},
    (Fault.CLOCK, ""): ("capture", "agent"),
}  # whom a fault concerns besides its target; a full disk does capture
_FEW, _OUTLASTING = 0.1, 6  # so many strikes last as many times longer
_STEPS = (1, 30, 600, _HOUR, 3 * _DAY, 400 * _DAY)  # seconds


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes `at` (seconds after the beginning) and lasts for `lasting` seconds.

    `target` is whom it strikes, empty where that is no question; `step` is how many seconds a clock is put on.
    A fault that kills strikes so many seconds `behind` so many `codes`, which are scanned for it: in the midst of
    what is done with them, wherever they have come to by then.
    """

    at: float
    fault: Fault
    target: str = ""
    lasting: float = 0.0
    step: int = 0
    codes: int = 0
    behind: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return f"{self.fault} {self.target}".strip()


def faults(processes: Sequence[str], left_out: Sequence[str] = ()) -> list[tuple[Fault, str]]:
    """All kinds of faults with their targets, but for faults or targets that this machine cannot have."""
    kinds = [(fault, victim) for fault in OF_PROCESSES for victim in processes]
    kinds += [(fault, door) for fault in OF_THE_NET for door in DOORS if door not in left_out]
    kinds += [(fault, "") for fault in (Fault.FULL, Fault.CLOCK, Fault.RESTART)]
    return [kind for kind in kinds if kind[0] not in left_out]


def deck(dice: random.Random, kinds: Sequence[tuple[Fault, str]]) -> Iterator[tuple[Fault, str]]:
    """The kinds without end, each once before any comes a second time."""
    while True:
        yield from dice.sample(kinds, len(kinds))


def strikes(
    dice: random.Random, dealt: Iterator[tuple[Fault, str]], seconds: float, every: float, longest: float
) -> list[Strike]:
    """A plan for so many seconds, with one of the kinds that are `dealt` in `every` so many on average.

    None lasts longer than `longest` seconds, but for a few that outlast what waits for an answer. In the midst of
    many that last, somebody is killed whom they concern.
    """
    moments = sorted(dice.uniform(0, seconds) for _ in range(round(seconds / every)))
    drawn = [_strike(dice, at, *next(dealt), longest, seconds + longest) for at in moments]
    beside = [_beside(dice, each) for each in drawn if each.lasting and dice.random() < _ACCOMPANIED[each.fault]]
    return sorted(drawn + beside, key=lambda each: each.at)


def _strike(
    dice: random.Random, at: float, fault: Fault, target: str, longest: float, all_over_at: float
) -> Strike:
    if fault in {Fault.KILL, Fault.RESTART}:
        behind = _BEHIND * dice.random() * dice.random()  # rather soon: capture is the first to be done
        return Strike(at, fault, target, codes=dice.randint(1, _MOST_CODES), behind=behind)
    lasting = dice.uniform(0.5, longest) * (_OUTLASTING if dice.random() < _FEW else 1)
    step = dice.choice((-1, 1)) * dice.choice(_STEPS) if fault is Fault.CLOCK else 0
    return Strike(at, fault, target, min(lasting, all_over_at - at), step)


def _beside(dice: random.Random, strike: Strike) -> Strike:
    """The kill of somebody in the midst of a strike."""
    victim = dice.choice(_CONCERNED.get((strike.fault, strike.target), (strike.target or "capture",)))
    return _strike(dice, strike.at + dice.uniform(0, strike.lasting), Fault.KILL, victim, 0, 0)
