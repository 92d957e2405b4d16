"""Pages that name tests for each point of what a part of this house must do: their points, and what they name."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_POINT = re.compile(r"^\d+\. ", re.MULTILINE)
_NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def points_of(page: str) -> list[str]:
    """The numbered points of a page under docs/evidence, without the headings between them."""
    _, *points = _POINT.split((ROOT / "docs/evidence" / page).read_text())
    return [point.partition("\n## ")[0] for point in points]


def named_in(point: str) -> list[tuple[str, str]]:
    """File and name of each test that a point names."""
    return _NAMED.findall(point)


def missing(point: str, *folders: Path) -> list[str]:
    """Those of them that exist in no folder."""
    return [
        f"{file}::{name}"
        for file, name in named_in(point)
        if not any(name in _names_in(folder / file) for folder in folders)
    ]


@cache
def _names_in(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    found = ast.walk(ast.parse(path.read_text()))
    return frozenset(
        node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
