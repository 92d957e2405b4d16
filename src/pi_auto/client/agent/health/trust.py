"""How far this device's clock is to be trusted."""

from __future__ import annotations

from pi_auto.client.clock import ClockReading

SYNCED, UNSET = "network", "none"


def clock_trust(reading: ClockReading) -> dict[str, bool | str | int]:
    """Whether the network has set it, by whose word, and by how many milliseconds it may be off at the most.

    No bound is told where nobody has set it: the kernel's would be one of a clock that it knows to be wrong.
    """
    if not reading.synced:
        return {"synced": False, "trust": UNSET}
    return {"synced": True, "trust": SYNCED, "offset_bound": reading.error_ms}
