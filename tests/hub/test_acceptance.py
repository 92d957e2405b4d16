"""docs/evidence/hub-acceptance.md names a test for each of its points, and every one exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.acceptance import missing, named_in, points_of

POINTS = points_of("hub-acceptance.md")


def test_the_list_has_fifteen_points() -> None:
    assert len(POINTS) == 15


@pytest.mark.parametrize("point", POINTS, ids=[str(number) for number in range(1, len(POINTS) + 1)])
def test_each_point_has_tests_that_exist(point: str) -> None:
    assert named_in(point)
    assert missing(point, Path(__file__).parent) == []
