"""How far this device's clock is to be trusted, and by whose word."""

from __future__ import annotations

import os
from pathlib import Path

from pi_auto.client.agent.timekeeping.boots import FILE, Boot, Boots, stored_boots
from pi_auto.client.agent.timekeeping.timekeeper import LEAST_ERROR_MS, is_as_known
from pi_auto.client.clock import ClockReading, read_clock

NETWORK, KEPT, FLEET, NOBODY = "network", "kept", "fleet", "none"
_RAISED_WITHIN = (
    60_000  # milliseconds: the helper raises the clock to the fleet's time a moment after it was signed
)
_STEPS = 1000  # milliseconds: a bound grows all the time, and is news only by the second


def clock_trust(reading: ClockReading, boot: Boot) -> dict[str, bool | str | int]:
    """Whether the network has set it, by whose word it is right, and by how many milliseconds it may be off.

    `network`: set, and still looked after. `kept`: set at some time in this `boot`, and since then let alone; it
    may run wrong by 500 ppm. `fleet`: as the fleet has signed in this boot. `none`: set by nobody, or anew by
    somebody whom nobody vouches for, also by a network that the fleet has overruled; no bound is told then, for
    the kernel's would be one of a clock that it knows to be wrong.
    """
    if reading.synced and not (boot.by_fleet and _off(reading, boot) > _RAISED_WITHIN):
        return _told(NETWORK, max(reading.error_ms, LEAST_ERROR_MS), synced=True)
    if boot.by_fleet:
        return _by_fleet(reading, boot)
    if is_as_known(boot, reading):
        return _told(KEPT, boot.error_ns(reading.boottime_ns) / 1_000_000, synced=False)
    return {"synced": False, "trust": NOBODY}


def trust_here(folder: Path) -> dict[str, bool | str | int]:
    """The same of this machine now, by what the agent keeps in `folder`; whoever may not read that knows less."""
    reading = read_clock()
    boots = stored_boots(folder) if os.access(folder / FILE, os.R_OK) else Boots()
    return clock_trust(reading, boots.find(reading.boot_id) or Boot(reading.boot_id))


def _by_fleet(reading: ClockReading, boot: Boot) -> dict[str, bool | str | int]:
    off = _off(reading, boot)
    if off > _RAISED_WITHIN:  # it is ahead, and nothing lowers it
        return {"synced": False, "trust": NOBODY}
    return _told(FLEET, off + boot.error_ns(reading.boottime_ns) / 1_000_000, synced=False)


def _off(reading: ClockReading, boot: Boot) -> float:
    """By how many milliseconds the clock differs from what is known of the boot."""
    return abs(reading.offset_ns - (boot.offset_ns or 0)) / 1_000_000


def _told(trust: str, bound: float, *, synced: bool) -> dict[str, bool | str | int]:
    return {"synced": synced, "trust": trust, "offset_bound": int(-(-bound // _STEPS)) * _STEPS}
