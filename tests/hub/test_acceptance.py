"""docs/evidence/hub-acceptance.md names a test for each of its points, and every one exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "evidence" / "hub-acceptance.md"
POINTS = re.split(r"^\d+\. ", PAGE.read_text(), flags=re.MULTILINE)[1:]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def names_in(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_list_has_fifteen_points() -> None:
    assert len(POINTS) == 15


@pytest.mark.parametrize("point", POINTS, ids=[str(number) for number in range(1, len(POINTS) + 1)])
def test_each_point_has_tests_that_exist(point: str) -> None:
    named = NAMED.findall(point)
    assert named
    assert [f"{file}::{name}" for file, name in named if name not in names_in(HERE / file)] == []
