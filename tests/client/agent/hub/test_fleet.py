"""Ten thousand devices come back to a hub that takes a hundred connections a second, as a unit of S1 does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from random import Random

import pytest

from pi_auto.client.agent.backoff import Spread
from pi_auto.client.agent.hub.carriers import Carrier, Carriers
from pi_auto.client.agent.hub.limits import Limits

DEVICES = 10_000
RATE = 100.0  # connections a second
BOTH = tuple(Carrier)


@dataclass
class Hub:
    """Up from `up_at` on; lets a second's worth of connections wait, and refuses those beyond."""

    up_at: float
    tries: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    _waiting: float = 0.0
    _at: float = 0.0

    def takes(self, now: float) -> bool:
        """Whether a connection at `now` (rising) is taken."""
        self.tries[int(now)] += 1
        self._waiting = max(0.0, self._waiting - (now - self._at) * RATE)
        self._at = now
        if self._waiting + 1 > RATE:
            self.refused += 1
            return False
        self._waiting += 1
        return now >= self.up_at

    def most(self, seconds: int) -> float:
        """The most tries a second, averaged over as many."""
        last = max(self.tries)
        return max(sum(self.tries[at + each] for each in range(seconds)) for at in range(last + 1)) / seconds


class Device:
    """Lost its hub at 0, its own link being as it was; `by` is what it was connected by."""

    def __init__(self, number: int, by: Carrier) -> None:
        rng = Random(number)
        self.spread = Spread(rng, Limits().spread)
        self.carriers = Carriers(rng)
        while self.carriers.next(BOTH, "eth0", 0.0) is not by:
            self.carriers.failed()
        self.carriers.worked(0.0)

    def knocks(self, hub: Hub, now: float) -> bool:
        """Whether it gets in; else it has only made one try."""
        self.carriers.next(BOTH, "eth0", now)
        if hub.takes(now):
            return True
        assert not self.carriers.failed(), "a try of the other carrier at once would double the rate"
        return False


def come_back(hub: Hub, by: Carrier) -> float:
    """Let them all come back; when the last one is in."""
    devices = [Device(number, by) for number in range(DEVICES)]
    turns = [(device.spread.next(), number) for number, device in enumerate(devices)]
    heapify(turns)
    now = 0.0
    while turns:
        now, number = heappop(turns)
        if not devices[number].knocks(hub, now):
            heappush(turns, (now + devices[number].spread.next(), number))
    return now


@pytest.mark.parametrize("by", BOTH)
@pytest.mark.parametrize("outage", [0.0, 60.0, 900.0])
def test_they_come_back_at_a_hundred_a_second_at_most_and_all_within_two_rounds(
    outage: float, by: Carrier
) -> None:
    hub = Hub(up_at=outage)
    assert come_back(hub, by) <= outage + 2 * 144
    assert hub.refused == 0
    assert hub.most(5) <= RATE
