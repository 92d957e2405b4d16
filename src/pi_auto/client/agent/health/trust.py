"""How far this device's clock is to be trusted, and by whose word."""

from __future__ import annotations

from pi_auto.client.agent.timekeeping.boots import Boot
from pi_auto.client.agent.timekeeping.timekeeper import LEAST_ERROR_MS, is_as_known
from pi_auto.client.clock import ClockReading

NETWORK, KEPT, NOBODY = "network", "kept", "none"
_STEPS = 1000  # milliseconds: a bound grows all the time, and is news only by the second


def clock_trust(reading: ClockReading, boot: Boot) -> dict[str, bool | str | int]:
    """Whether the network has set it, by whose word it is right, and by how many milliseconds it may be off.

    `network`: set, and still looked after. `kept`: set at some time in this `boot`, and since then let alone; it
    may run wrong by 500 ppm. `none`: set by nobody, or anew by somebody whom nobody vouches for; no bound is told
    then, for the kernel's would be one of a clock that it knows to be wrong.
    """
    if reading.synced:
        return _told(NETWORK, max(reading.error_ms, LEAST_ERROR_MS), synced=True)
    if is_as_known(boot, reading):
        return _told(KEPT, boot.error_ns(reading.boottime_ns) / 1_000_000, synced=False)
    return {"synced": False, "trust": NOBODY}


def _told(trust: str, bound: float, *, synced: bool) -> dict[str, bool | str | int]:
    return {"synced": synced, "trust": trust, "offset_bound": int(-(-bound // _STEPS)) * _STEPS}
