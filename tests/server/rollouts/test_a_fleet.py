"""Two thousand devices and a release that fails on some: who gets it, when it stops, what the report says."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from pi_auto.server.rollouts.stages import bucket_of, parse_stages
from support.rollout import NEW, WHY, Fleet, open_fleet

DEVICES = int(os.environ.get("PI_AUTO_ROLLOUT_DEVICES", "2000"))
# The usual stages, each for an hour: what is long about them is left to script/test-long.
STAGES = os.environ.get("PI_AUTO_ROLLOUT_STAGES", "tag:lab/1h 1%/1h 5%/1h 25%/1h 50%/1h 100%/1h")
SEED = int(os.environ.get("PI_AUTO_SEED", "7"))
_MOST_HOURS = 120


def run(fleet: Fleet, number: int) -> str:
    """Hours pass until the roll-out runs no more; what it is then."""
    began = time.monotonic()
    for hour in range(1, _MOST_HOURS + 1):
        fleet.hour()
        shown = fleet.show(number)
        if shown["state"] != "running":
            stage = f"stage {shown['stage']} of {shown['of_stages']}"
            print(
                f"\nroll-out: {len(fleet.versions)} devices, {len(fleet.broken)} of them planted failures: "
                f"{shown['state']} after {hour} h in {stage}; reached {shown['reached']}, "
                f"run it {shown['committed']}, failed {shown['failed']}; {time.monotonic() - began:.1f} s here"
            )
            return str(shown["state"])
    raise AssertionError(f"it still runs after {_MOST_HOURS} hours: {fleet.show(number)}")


def test_a_release_that_fails_on_three_of_a_hundred_stops_within_one_stage(tmp_path: Path) -> None:
    with open_fleet(tmp_path, DEVICES) as fleet:
        fleet.broken = set(random.Random(SEED).sample(sorted(fleet.versions), DEVICES * 3 // 100))
        number = fleet.start(stages=STAGES)
        assert run(fleet, number) == "paused"
        shown = fleet.show(number)
        share = parse_stages(STAGES)[shown["stage"] - 1].share
        reached = {each for each in fleet.versions if bucket_of(number, each) < share}
        assert fleet.offered <= reached  # nobody of a later stage
        assert shown["failed"] == len(fleet.offered & fleet.broken) >= 3
        assert "devices have failed" in shown["why"]

        at_stop = set(fleet.offered)
        for _ in range(5):
            fleet.hour()
        assert fleet.offered == at_stop  # nothing new

        report = fleet.report(number)
        assert set(report) == set(fleet.versions)
        assert {each for each, row in report.items() if row["step"] == "rolled_back"} == at_stop & fleet.broken
        assert {each for each, row in report.items() if row["step"] == "committed"} == at_stop - fleet.broken
        assert {row["reason"] for row in report.values() if row["step"] == "rolled_back"} == {WHY}
        assert all(row["step"] == "waits" for each, row in report.items() if each not in at_stop)


def test_a_release_that_fails_nowhere_reaches_everybody(tmp_path: Path) -> None:
    with open_fleet(tmp_path, DEVICES) as fleet:
        number = fleet.start(stages=STAGES)
        assert run(fleet, number) == "completed"
        assert set(fleet.versions.values()) == {NEW}
        report = fleet.report(number)
        assert {(row["step"], row["attempts"], row["failures"]) for row in report.values()} == {
            ("committed", 1, 0)
        }
        assert len(report) == DEVICES


@pytest.mark.parametrize("stages", ["1% 5% 25% 100%", "tag:lab 50% 100%"])
def test_stages_hand_out_their_share_and_not_more(tmp_path: Path, stages: str) -> None:
    with open_fleet(tmp_path, 400) as fleet:
        fleet.admin("device tag", device_id="pi-00000007", tag="lab")
        number = fleet.start(stages=stages)
        for _ in range(12):
            before = fleet.show(number)["stage"]
            fleet.hour()
            share = max(stage.share for stage in parse_stages(stages)[:before])
            due = {each for each in fleet.versions if bucket_of(number, each) < share}
            assert fleet.offered == due | ({"pi-00000007"} if "lab" in stages else set())
        assert fleet.show(number)["state"] == "completed"
