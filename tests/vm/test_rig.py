"""The rig itself: what it takes for the emulator's fault, and what it never does."""

from __future__ import annotations

import pytest

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
