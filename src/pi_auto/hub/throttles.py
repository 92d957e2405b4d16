"""The rates of an Azure tier, imitated on request: one bucket for each thing that a tier counts.

A bucket holds one second's worth. Off by default, and then everything is allowed. Nothing
is ever lost by it: who is refused is told when to come again, telemetry is only delayed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pi_auto.wire.quotas import Rate, Tier


class _Bucket:
    """What is left of one rate; below zero while more was taken than the rate gives."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._most, self._at = rate, max(1.0, rate), now
        self._left = self._most

    def missing(self, now: float) -> float:
        """Seconds until one more is there; 0 if it is there now."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1.0 - self._left) / self._rate)

    def take(self) -> None:
        """One is used."""
        self._left -= 1.0


class Throttles:
    """The rates of a tier of so many units, or none at all; `clock` counts seconds and never goes back."""

    def __init__(
        self, tier: Tier | None = None, units: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        rates = {name: getattr(tier, name) for name in Tier.__slots__} if tier else {}
        self._buckets = {
            name: _Bucket(rate.of(units), clock()) for name, rate in rates.items() if isinstance(rate, Rate)
        }

    def allow(self, what: str) -> float:
        """Seconds to wait before `what` (a rate's name in quotas.Tier) may happen; 0 and counted if it may now."""
        bucket = self._buckets.get(what)
        if bucket is None:
            return 0.0
        wait = bucket.missing(self._clock())
        if not wait:
            bucket.take()
        return wait

    def delay(self, what: str) -> float:
        """Count what happens anyhow; seconds to wait after it so that the rate is kept."""
        bucket = self._buckets.get(what)
        if bucket is None:
            return 0.0
        wait = bucket.missing(self._clock())
        bucket.take()
        return wait
