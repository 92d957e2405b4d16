"""The last update of this device, how far it came, and why no further; and the release counter that it is at."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.agent.update.ledger import latest
from pi_auto.client.agent.update.told import counter_told_in

_MOST_REASON = 200  # characters: a section of a twin holds 32 KiB in all


def update_state(state: Path) -> dict[str, str | int] | None:
    """Of the device with this state folder; None where nothing is told here."""
    told: dict[str, str | int] = {"counter": counter_told_in(state)}
    if step := latest(state):
        told |= {"version": step.version, "step": step.step, "reason": step.reason[:_MOST_REASON], "at": step.time}
    return {name: value for name, value in told.items() if value} or None
