"""docs/evidence/capture-acceptance.md names a test for each of its points, and every one exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.acceptance import ROOT, missing, named_in, points_of

POINTS = points_of("capture-acceptance.md")


def test_the_list_has_nine_points_to_be_built_three_of_bad_input_and_twelve_to_be_shown() -> None:
    assert len(POINTS) == 9 + 3 + 12


@pytest.mark.parametrize("point", POINTS, ids=[str(number) for number in range(1, len(POINTS) + 1)])
def test_each_point_has_tests_that_exist(point: str) -> None:
    assert named_in(point)
    assert missing(point, Path(__file__).parent, ROOT / "tests") == []


def test_twenty_thousand_random_cases_are_tried_in_ci_and_a_million_in_test_long() -> None:
    assert "PI_AUTO_PROPERTY_CASES=20000 script/test" in (ROOT / ".ci/run").read_text()
    assert "PI_AUTO_PROPERTY_CASES:-1000000" in (ROOT / "script/test-long").read_text()
    told = (ROOT / "docs/evidence/keys.md").read_text()
    assert re.search(r"1000000 cases of each kind", told)
    assert re.search(r"\d+ passed in", told)
    assert "failed" not in told
