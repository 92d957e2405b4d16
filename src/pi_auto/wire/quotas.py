"""The quotas of Azure IoT Hub's tiers, by which the local hub throttles on request and a fleet's size is reckoned.

Source: Microsoft, "IoT Hub quotas and throttling". A rate of a hub is the larger of `least` and
`per_unit` times its units; where a tier counts for the hub as a whole, `per_unit` is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

CHUNK = 4 * 1024  # bytes: a message counts once for each begun chunk


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a second something may happen."""

    per_unit: float
    least: float = 0.0

    def of(self, units: int) -> float:
        """The rate of a hub of so many units, a second."""
        return max(self.least, self.per_unit * units)


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: `messages` a day and unit, counted in chunks, and what may happen each second."""

    messages: int
    most_units: int
    telemetry: Rate
    connections: Rate
    twin_reads: Rate
    twin_updates: Rate
    methods: Rate  # calls a second, counted in chunks of method payload at Azure
    cloud_to_device: Rate
    registry: Rate
    queries: Rate


TIERS = {
    "S1": Tier(
        messages=400_000, most_units=200, telemetry=Rate(12, 100), connections=Rate(12, 100),
        twin_reads=Rate(0, 100), twin_updates=Rate(0, 50), methods=Rate(40), cloud_to_device=Rate(100 / 60),
        registry=Rate(100 / 60), queries=Rate(20 / 60),
    ),
    "S2": Tier(
        messages=6_000_000, most_units=200, telemetry=Rate(120), connections=Rate(120),
        twin_reads=Rate(10, 100), twin_updates=Rate(5, 50), methods=Rate(120), cloud_to_device=Rate(100 / 60),
        registry=Rate(100 / 60), queries=Rate(20 / 60),
    ),
    "S3": Tier(
        messages=300_000_000, most_units=10, telemetry=Rate(6000), connections=Rate(6000),
        twin_reads=Rate(500), twin_updates=Rate(250), methods=Rate(6000), cloud_to_device=Rate(5000 / 60),
        registry=Rate(5000 / 60), queries=Rate(1000 / 60),
    ),
}  # fmt: skip
