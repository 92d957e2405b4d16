"""The table of docs/hub.md names a test for each of the fifteen points of acceptance, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "hub.md"
ROW = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)


def test_each_point_of_acceptance_names_tests_that_exist() -> None:
    rows = ROW.findall(PAGE.read_text())
    assert [int(number) for number, _ in rows] == list(range(1, 16))
    for number, cell in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", cell)
        assert named, number
        assert cell.count("`") == 2 * len(named), number
        for path, name in named:
            assert name in names_in(HERE / path), f"{number}: {path}::{name}"


def names_in(path: Path) -> set[str]:
    """The names of the tests in a file."""
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
