"""Rounds of scanning while faults strike, each ended by calm, in which all that is owed has to arrive."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from support.chaos import ledger
from support.chaos.house import ChaosHouse
from support.chaos.oracle import WAYS, Account, complaints, doubled, lost
from support.chaos.plan import Strike, deck, faults, strikes
from support.chaos.typing_person import TypingPerson
from support.waiting import over, wait_until

_ROUND = 120.0  # seconds of faults
_EVERY = 3.0  # seconds from one to the next, on average: a busy machine starts a server in as many
_LONGEST = 6.0  # seconds that one lasts
_ARRIVES_WITHIN = 300.0  # of calm; pauses between two tries are 60 s at most
_AWAKE_WITHIN = 120.0


@dataclass
class Figures:
    """What there was of each; `settling` are the seconds of calm until all was delivered, by rounds."""

    seed: int
    left_out: list[str]
    seconds: float = 0.0
    typed: int = 0
    stored: int = 0
    told_as_lost: int = 0
    booked: int = 0
    lost: int = 0
    double: int = 0
    complaints: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    settling: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return dict(vars(self))

    def take(self, account: Account, told_as_lost: int) -> None:
        """How the accounts stand now."""
        self.typed, self.stored, self.booked = len(account.typed), len(account.stored), len(account.booked)
        self.lost, self.double = len({each for way in WAYS for each in lost(account, way)}), len(doubled(account))
        self.told_as_lost = told_as_lost
        self.complaints = complaints(account)


class Chaos:
    """A run in `house`, all chances of which follow from `seed`."""

    def __init__(self, house: ChaosHouse, seed: int) -> None:
        self.house = house
        self.figures = Figures(seed, house.left_out, failures=house.keeper.failures)
        self._plans, codes, pauses = (random.Random(f"{seed} {what}") for what in ("faults", "codes", "pauses"))
        self._kinds = deck(self._plans, faults(house.victims, house.left_out))
        self._person = TypingPerson(house.scanner, codes, pauses)
        self._fifo = house.scanner.path

    def run(self, seconds: float) -> Figures:
        """Rounds until there were so many seconds of faults, or something is wrong."""
        self.house.booked()  # from now on nobody starts a program of the server but its keeper
        while (left := seconds - self.figures.seconds) > 0 and not self.figures.complaints:
            self._round(min(left, _ROUND))
        return self.figures

    def _round(self, seconds: float) -> None:
        plan = strikes(self._plans, self._kinds, seconds, _EVERY, min(_LONGEST, seconds / 5))
        self._person.start()
        try:
            self._carry_out(plan)
        finally:
            self._person.stop()
            self.house.calm()
        self.figures.seconds += seconds
        try:
            self._settle()
        finally:  # also what has not arrived is counted
            self.figures.take(ledger.account(self.house, self._person.typed), ledger.incidents(self.house))

    def _carry_out(self, plan: list[Strike]) -> None:
        steps = [(each.at, partial(self._begin, each)) for each in plan]
        steps += [(each.at + each.lasting, partial(self.house.end, each)) for each in plan if each.lasting]
        began = time.monotonic()
        for at, step in sorted(steps, key=lambda each: each[0]):
            is_due = over(at - (time.monotonic() - began))
            wait_until(is_due, at + 60, f"second {at}")
            step()

    def _begin(self, strike: Strike) -> None:
        strike_now = self.house.ready_to(strike)
        for _ in range(strike.codes):
            self._person.scan()
        time.sleep(strike.behind)
        strike_now()
        self.figures.faults[strike.name] += 1

    def _settle(self) -> None:
        """Nothing is wrong any more: a code that is scanned now is stored, and all that is stored arrives."""
        calm = time.monotonic()
        wait_until(lambda: ledger.unread(self._fifo) == 0, _AWAKE_WITHIN, self._told("the scanner is read"))
        wait_until(self._is_awake, _AWAKE_WITHIN, self._told("what is scanned is stored"))
        state = self.house.pi.state
        wait_until(lambda: ledger.is_delivered(state), _ARRIVES_WITHIN, self._told("the device delivers all"))
        wait_until(self._has_arrived, _ARRIVES_WITHIN, self._told("all arrive by both ways"))
        self.figures.settling.append(round(time.monotonic() - calm, 1))

    def _is_awake(self) -> bool:
        """Scan, and see whether it is stored; a code that is typed while its scanner is opened is told as lost."""
        told = ledger.incidents(self.house)
        text = self._person.scan()

        def is_read() -> bool:
            return text in ledger.in_spool(self.house).values() or ledger.incidents(self.house) > told

        wait_until(is_read, _AWAKE_WITHIN, self._told("what is scanned now is read"))
        return text in ledger.in_spool(self.house).values()

    def _has_arrived(self) -> bool:
        try:
            account = ledger.account(self.house, self._person.typed)
        except OSError:  # a server that is busy
            return False
        return not any(lost(account, way) for way in WAYS)

    def _told(self, what: str) -> str:
        return f"{what} (PI_AUTO_SEED={self.figures.seed})"
