"""Decides whether a Wi-Fi code may be followed now. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.wifi.code import Network
from pi_auto.client.wifi.outcomes import Outcome

AFTER_START = 300.0  # seconds: who can restart the device stands beside it


@dataclass(frozen=True, slots=True)
class Facts:
    """How this device stands: `switched_on` by its setting, `enrolled` in a fleet, seconds since its start."""

    switched_on: bool
    enrolled: bool
    has_network: bool
    uptime: float


def may_scan(facts: Facts) -> Outcome | None:
    """Why no code at all may be followed now; None if one may."""
    if not facts.switched_on:
        return Outcome.OFF
    if facts.enrolled and facts.has_network and facts.uptime >= AFTER_START:
        return Outcome.NOT_NOW
    return None


def may_join(network: Network, facts: Facts) -> Outcome | None:
    """Why this network may not be joined now; None if it may."""
    if facts.enrolled and not network.is_safe:
        return may_scan(facts) or Outcome.OPEN
    return may_scan(facts)
