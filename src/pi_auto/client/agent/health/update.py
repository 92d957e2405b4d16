"""The last update of this device: to which version, how far it came, and why no further."""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.agent.update.ledger import latest

_MOST_REASON = 200  # characters: a section of a twin holds 32 KiB in all


def update_state(state: Path) -> dict[str, str] | None:
    """Of the device with this state folder; None if nobody has begun one here."""
    step = latest(state)
    if step is None:
        return None
    told = {"version": step.version, "step": step.step, "reason": step.reason[:_MOST_REASON], "at": step.time}
    return {name: value for name, value in told.items() if value}
