"""How long to wait before trying again: full jitter, so that a fleet does not return as one.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter": a pause drawn evenly
between nothing and a ceiling that doubles spreads callers best. Pure: chance is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LONGEST_DELIVERY_PAUSE = 60.0  # seconds: scans are to arrive soon after a long outage, half of this on average
LONGEST_RETRY_AFTER = 3600.0  # a server may ask for patience, not for good-bye


@dataclass(slots=True)
class Backoff:
    """Pauses in seconds; the first at most `first`, none longer than `longest`."""

    rng: Random
    first: float = 1.0
    longest: float = LONGEST_DELIVERY_PAUSE
    _failures: int = 0

    def next(self, retry_after: float = 0.0) -> float:
        """The pause after one more failure; never shorter than what the server asked for."""
        ceiling = min(self.longest, self.first * 2 ** min(self._failures, 32))
        self._failures += 1
        return max(self.rng.uniform(0.0, ceiling), min(retry_after, LONGEST_RETRY_AFTER))

    def reset(self) -> None:
        """It has worked: the next failure is a first one."""
        self._failures = 0


@dataclass(slots=True)
class Spread:
    """Pauses in seconds of a fleet whose hub hangs up on all of it at once: a try a round, evenly spread.

    The first is drawn evenly from `within`; those after it are longer than a round, so that the tries of two
    rounds never add up. 10,000 devices over 120 s come at 83 a second, however often the hub refuses them.
    """

    rng: Random
    within: float
    _first: bool = True

    def next(self) -> float:
        """The pause after one more failure."""
        first, self._first = self._first, False
        return self.rng.uniform(0.0, self.within) if first else self.within * self.rng.uniform(1.0, 1.2)

    def reset(self) -> None:
        """It has worked: the next failure is a first one."""
        self._first = True
