"""How large an Azure IoT Hub a fleet needs: its size and habits go in, units of each tier come out.

The quotas are those of `wire/quotas`, the tiers' prices the ratio of Microsoft's list prices. Whatever a
fleet does is reckoned at its busiest: the day's scans within eight hours, and every device back
within two minutes after an outage. Nothing here asks a hub; it is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from pi_auto.wire.quotas import CHUNK, TIERS, Rate, Tier

PRICES = {"S1": 1, "S2": 10, "S3": 100}  # of one unit, as a multiple of S1's: 25, 250, 2500 dollars a month
SPREAD = 120  # seconds over which devices come back after an outage
WORKDAY = 8 * 3600  # seconds in which a day's scans are taken
SCAN_BYTES = 350  # of one scan in a message, with its properties
_DAY = 86_400

MESSAGES = "messages a day"
TELEMETRY = "telemetry a second"
TWIN_UPDATES = "twin updates a second"
CONNECTIONS = "connections a second after an outage"
TWIN_READS = "twin reads a second after an outage"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices; scans of one device a day; seconds between two heartbeats; scans in one message."""

    devices: int
    scans_per_day: int
    heartbeat: int = 30
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Need:
    """Units of a tier that a fleet needs, None where none of its sizes will do, and the limit that says so."""

    tier: str
    units: int | None
    limit: str
    by_limit: dict[str, int | None]

    @property
    def price(self) -> int | None:
        """The price as a multiple of one unit of S1."""
        return self.units and self.units * PRICES[self.tier]


def load_of(fleet: Fleet) -> dict[str, float]:
    """What a fleet does at its busiest, by the limit that it counts against."""
    sent = fleet.devices * ceil(fleet.scans_per_day / fleet.batch)  # messages a day
    heartbeats = fleet.devices / fleet.heartbeat  # a second; Azure bills twin operations as messages
    back = fleet.devices / SPREAD
    return {
        MESSAGES: sent * ceil(fleet.batch * SCAN_BYTES / CHUNK) + heartbeats * _DAY,
        TELEMETRY: sent / WORKDAY,
        TWIN_UPDATES: heartbeats,
        CONNECTIONS: back,
        TWIN_READS: back,
    }


def needs(fleet: Fleet) -> list[Need]:
    """What the fleet needs of each tier, S1 first."""
    load = load_of(fleet)
    return [_need(name, tier, load) for name, tier in TIERS.items()]


def cheapest(choices: list[Need]) -> Need | None:
    """The tier that costs least, None where none will do: then the fleet needs more than one hub."""
    possible = [need for need in choices if need.units]
    return min(possible, key=lambda need: need.price or 0, default=None)


def _need(name: str, tier: Tier, load: dict[str, float]) -> Need:
    rates = {
        TELEMETRY: tier.telemetry, TWIN_UPDATES: tier.twin_updates, CONNECTIONS: tier.connections,
        TWIN_READS: tier.twin_reads,
    }  # fmt: skip
    units = {MESSAGES: max(1, ceil(load[MESSAGES] / tier.messages))}
    by_limit: dict[str, int | None] = {
        **units,
        **{limit: _units(load[limit], rate) for limit, rate in rates.items()},
    }
    within = {limit: _within(count, tier) for limit, count in by_limit.items()}
    limit = max(within, key=lambda limit: within[limit] or tier.most_units + 1)
    return Need(name, within[limit], limit, by_limit)


def _units(load: float, rate: Rate) -> int | None:
    if load <= rate.of(1):
        return 1
    return ceil(load / rate.per_unit) if rate.per_unit else None


def _within(count: int | None, tier: Tier) -> int | None:
    return count if count and count <= tier.most_units else None
