"""When to ask for an update: hourly, each device at a moment of its own, so that a fleet asks evenly. Pure.

Times are seconds. The moment is hashed from the device's id, so that it stays the same over restarts; what
differs from round to round by chance keeps fleets apart that were switched on together.
"""

from __future__ import annotations

import hashlib
from random import Random

FIRST = 900.0  # after boot: power comes back for a whole site at once
_JITTER = 0.1
_TOO_SOON = 0.25  # of an interval: the round that has just been made early is not made again


def first_pause(device_id: str, interval: float, uptime: float, now: float, rng: Random) -> float:
    """Until the first question of a process; `uptime` of the machine, `now` by the wall clock."""
    left = min(FIRST, interval) - uptime
    return rng.uniform(0.0, left) if left > 0 else next_pause(device_id, interval, now, rng)


def next_pause(device_id: str, interval: float, now: float, rng: Random) -> float:
    """Until the next question of the usual rhythm."""
    pause = (_phase(device_id) * interval - now) % interval
    if pause < _TOO_SOON * interval:
        pause += interval
    return max(0.0, pause + rng.uniform(-_JITTER, _JITTER) * interval)


def asked_pause(retry_after: float, rng: Random) -> float:
    """Until the next question, where the server has asked for so much patience: never less."""
    return retry_after * rng.uniform(1.0, 1.0 + _JITTER)


def _phase(device_id: str) -> float:
    """From 0 to 1."""
    return int.from_bytes(hashlib.sha256(b"update " + device_id.encode()).digest()[:8]) / 2**64
