"""How large an IoT Hub a fleet needs, against the examples that Microsoft's quotas give by hand."""

from __future__ import annotations

import argparse
import json

import pytest

from pi_auto.server.capacity import CONNECTIONS, MESSAGES, TWIN_UPDATES, Fleet, cheapest, needs
from pi_auto.server.cli import main
from pi_auto.server.sizing import whole

_LARGE = ["--devices", "10000", "--scans-per-day", "500"]


def _units(fleet: Fleet) -> list[int | None]:
    return [need.units for need in needs(fleet)]


@pytest.mark.parametrize(
    ("fleet", "units"),
    [
        (Fleet(10_000, 500), [None, 67, 2]),  # 333 twin updates/s: S1 stops at 50, S2 gives 5 a unit, S3 250
        (Fleet(10_000, 500, heartbeat=300, batch=10), [9, 1, 1]),
        (Fleet(10_000, 500, heartbeat=900, batch=10), [4, 1, 1]),
        (Fleet(1, 0), [1, 1, 1]),
    ],
)
def test_the_units_of_each_tier(fleet: Fleet, units: list[int | None]) -> None:
    assert _units(fleet) == units


@pytest.mark.parametrize(
    ("fleet", "limit"),
    [
        (Fleet(10_000, 500), TWIN_UPDATES),
        (Fleet(10_000, 500, heartbeat=300, batch=10), MESSAGES),
        (Fleet(15_000, 0, heartbeat=3600), "twin reads a second after an outage"),
    ],
)
def test_the_limit_that_says_so_for_s1(fleet: Fleet, limit: str) -> None:
    assert needs(fleet)[0].limit == limit


def test_connections_after_an_outage_need_units_of_their_own() -> None:
    by_limit = needs(Fleet(14_400, 0, heartbeat=3600))[0].by_limit
    assert by_limit[CONNECTIONS] == 10  # 120 a second, 12 a unit


def test_a_message_counts_once_for_each_begun_chunk() -> None:
    small, large = (needs(Fleet(10_000, 12_000, 900, batch))[0].by_limit[MESSAGES] for batch in (10, 12))
    assert (small, large) == (33, 53)  # 12 scans are 4,200 bytes: two chunks


def test_two_units_of_s3_are_cheaper_than_67_of_s2() -> None:
    _, s2, s3 = choices = needs(Fleet(10_000, 500))
    assert (s2.price, s3.price) == (670, 200)
    assert cheapest(choices) is s3


def test_a_fleet_too_large_for_any_hub_is_told_to_share_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", "--devices", "1000000", "--scans-per-day", "5", "--heartbeat", "10"]) == 0
    assert "several hubs" in capsys.readouterr().out


def test_the_command_says_what_to_change_to_need_less(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", *_LARGE, "--batch", "10"]) == 0
    said = capsys.readouterr().out
    assert "S1: not at any number of units, for its twin updates a second" in said
    assert "a heartbeat each 300 s: 9 units of S1" in said
    assert "connection events: 4 units of S1" in said


def test_a_script_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", *_LARGE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["cheapest"] == {"tier": "S3", "units": 2}
    assert said["tiers"]["S2"]["units"] == 67


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "ten", "", "²", "1000001", "9" * 5000])
def test_a_bad_number_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 1000000"):
        whole(1, 1_000_000)(text)
