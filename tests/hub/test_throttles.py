"""The rates of Azure's tiers, imitated: off by default, and a wait is told to the moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.options import Options
from pi_auto.hub.throttles import Throttles
from pi_auto.wire.quotas import TIERS


def options(throttle: str | None) -> Options:
    return Options(Path(), "127.0.0.1", 0, "hub", Path("hub.sock"), throttle=throttle)


def test_without_a_tier_everything_is_allowed() -> None:
    throttles = options(None).throttles()
    assert {throttles.allow("twin_updates") for _ in range(10_000)} == {0.0}


@pytest.mark.parametrize(
    ("tier", "units", "what", "rate"),
    [("S1", 1, "twin_updates", 50), ("S1", 9, "connections", 108), ("S2", 2, "telemetry", 240)],
)
def test_one_second_holds_the_rate_and_then_the_wait_is_told(tier: str, units: int, what: str, rate: int) -> None:
    now = 0.0
    throttles = Throttles(TIERS[tier], units, lambda: now)
    assert [throttles.allow(what) for _ in range(rate)] == [0.0] * rate
    assert throttles.allow(what) == pytest.approx(1 / rate)
    now = 0.5
    assert sum(throttles.allow(what) == 0.0 for _ in range(rate)) == rate // 2


def test_what_happens_anyhow_is_counted_and_its_wait_grows() -> None:
    throttles = Throttles(TIERS["S1"], 1, lambda: 0.0)
    waits = [throttles.delay("telemetry") for _ in range(103)]
    assert waits[:100] == [0.0] * 100
    assert waits[100:] == pytest.approx([0.01, 0.02, 0.03])


@pytest.mark.parametrize("wrong", ["S4", "S1:0", "S1:201", "S3:x", ""])
def test_a_tier_that_there_is_not_is_named(wrong: str) -> None:
    with pytest.raises(OperatorError, match="is not a"):
        options(wrong).throttles()
