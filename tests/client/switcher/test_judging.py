"""What decides about a trial, fact by fact."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pi_auto.client.switcher.judging import MOST_RESTARTS, Before, Facts, Restarts, Ruling, Times, judge
from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT, Standing
from pi_auto.client.switcher.trial import Why

WELL = Facts({CAPTURE_UNIT: Standing(True, 0), AGENT_UNIT: Standing(True, 0)}, 1, (), True, True, True)
BEFORE = Before(opened=1, reached=True)
EARLY, STABLE, LATE = Times(10, 10, 600, 60), Times(70, 61, 600, 60), Times(700, 70, 600, 60)
DOWN = Times(700, 0, 600, 60)


def agent(**standing: Any) -> dict[str, Standing]:
    return WELL.services | {AGENT_UNIT: replace(Standing(True, 0), **standing)}


CASES: dict[str, tuple[Facts, Before, Times, Ruling, Why | None]] = {
    "well, and not for long enough": (WELL, BEFORE, EARLY, Ruling.WAIT, None),
    "well for long enough": (WELL, BEFORE, STABLE, Ruling.COMMIT, None),
    "no scanner is plugged in": (replace(WELL, opened=0), BEFORE, STABLE, Ruling.COMMIT, None),
    "a second scanner cannot be opened": (replace(WELL, troubles=("x",)), BEFORE, STABLE, Ruling.COMMIT, None),
    "no scanner can be opened": (replace(WELL, opened=0, troubles=("x",)), BEFORE, DOWN, Ruling.GO_BACK, Why.HUNG),
    "none could be opened before": (
        replace(WELL, opened=0, troubles=("x",)), Before(0, True), STABLE, Ruling.COMMIT, None,
    ),
    "started again once": (replace(WELL, services=agent(restarts=1)), BEFORE, STABLE, Ruling.COMMIT, None),
    "started again and again": (
        replace(WELL, services=agent(restarts=MOST_RESTARTS)), BEFORE, EARLY, Ruling.GO_BACK, Why.CRASHED,
    ),
    "given up by systemd": (
        replace(WELL, services=agent(active=False, failed=True)), BEFORE, EARLY, Ruling.GO_BACK, Why.CRASHED,
    ),
    "not ready yet": (replace(WELL, services=agent(active=False)), BEFORE, EARLY, Ruling.WAIT, None),
    "never ready": (replace(WELL, services=agent(active=False)), BEFORE, DOWN, Ruling.GO_BACK, Why.HUNG),
    "the queue is not written": (replace(WELL, stored=False), BEFORE, DOWN, Ruling.GO_BACK, Why.HUNG),
    "the queue is not read": (replace(WELL, read=False), BEFORE, DOWN, Ruling.GO_BACK, Why.HUNG),
    "no server, and time is left": (replace(WELL, reached=False), BEFORE, STABLE, Ruling.WORKS_HERE, None),
    "no server in time": (replace(WELL, reached=False), BEFORE, LATE, Ruling.GO_BACK, Why.UNREACHED),
    "no server, nor was there before": (
        replace(WELL, reached=False), Before(1, False), LATE, Ruling.WORKS_HERE, None,
    ),
    "it never stays well": (WELL, BEFORE, DOWN, Ruling.GO_BACK, Why.HUNG),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_trial_is_judged(case: str) -> None:
    facts, before, times, ruling, why = CASES[case]
    verdict = judge(facts, before, times)
    assert (verdict.ruling, verdict.why) == (ruling, why)
    assert bool(verdict.reason) is (ruling is Ruling.GO_BACK)


def test_restarts_of_days_ago_do_not_count() -> None:
    restarts = Restarts()

    def counted(total: int, now: float) -> int:
        return restarts.within(600, now, {AGENT_UNIT: Standing(True, total)})[AGENT_UNIT].restarts

    assert [counted(1, 0), counted(2, 100), counted(2, 650), counted(3, 90_000), counted(5, 90_100)] == [
        1,
        2,
        1,
        1,
        3,
    ]
