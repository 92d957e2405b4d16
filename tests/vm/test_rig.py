"""The rig itself: what it takes for the emulator's fault, and what it never does."""

from __future__ import annotations

import pytest

from support.vm.cuts import Cut, page
from support.vm.strokes import Health, Typed, damaged

WELL, STARVED, DROPPED = Health(0, 0.0), Health(0, 0.5), Health(1, 0.0)
CODE, NEXT = "2000000000015", "2000000000022"


@pytest.mark.parametrize(
    ("stored", "after", "guilty"),
    [
        ([CODE, NEXT], WELL, []),
        ([CODE], WELL, []),
        (["2000000", "000015", NEXT], STARVED, []),
        (["2000000", "000015", NEXT], WELL, ["000015", "2000000"]),
        (["20000015", NEXT], DROPPED, []),
        (["20000015", NEXT], WELL, ["20000015"]),
        (["20000015", NEXT], STARVED, ["20000015"]),
        (["20000000000152000000000022"[:-1]], DROPPED, []),
        ([CODE, CODE, NEXT], STARVED, [CODE]),
        (["2000000000016", NEXT], DROPPED, ["2000000000016"]),
    ],
)
def test_only_the_emulators_own_faults_are_excused(stored: list[str], after: Health, guilty: list[str]) -> None:
    typed = [Typed(CODE, WELL, after), Typed(NEXT, after, after)]
    assert damaged(stored, typed)[0] == guilty


def test_the_page_of_cuts_has_each_of_all_runs_and_says_how_many_cases_failed() -> None:
    cuts = [Cut(12.34, "trial", 20.0, "committed", 61.25), Cut(3.0, "", 21.0, "rolled_back", 130.0)]
    reports = [
        {"kind": "amd64", "seed": seed, "rows": [cut.to_json()], "cases": [{"case": "c", "outcome": outcome}]}
        for seed, cut, outcome in ((1, cuts[0], "passed"), (2, cuts[1], "failed"))
    ]
    lines = page(reports).splitlines()
    assert "| seed | 1, 2 |" in lines
    assert "2 cuts: 1 committed, 1 rolled_back." in lines
    assert "Cases: 1 failed, 1 passed." in lines
    assert lines[-2:] == [
        "| 1 | 12.3 | trial | 20 | committed | 61.2 |",
        "| 2 | 3 | none told | 21 | rolled_back | 130 |",
    ]
