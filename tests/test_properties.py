"""Property tests try the same examples in each run, whatever has run before them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]


def examples() -> list[object]:
    """Those of one property, tried anew."""
    tried: list[object] = []

    @settings(derandomize=True, max_examples=1000, database=None)
    @given(st.tuples(st.integers(), st.text(max_size=30), st.binary(max_size=30)))
    def holds(drawn: object) -> None:
        tried.append(drawn)

    holds()
    return tried


@pytest.mark.skipif(os.environ.get("PI_AUTO_PROPERTY_EXAMPLES") == "new", reason="new ones are what is asked for")
def test_a_module_that_another_test_has_loaded_changes_no_example(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = examples()
    assert len(before) > 500
    unlike = ModuleType("pi_auto_unlike")
    unlike.__file__ = str(tmp_path / "unlike.py")
    (tmp_path / "unlike.py").write_text("\n".join(f"A{n} = ({7_654_321 + n}, 'unlike {n}')" for n in range(200)))
    monkeypatch.setitem(sys.modules, unlike.__name__, unlike)
    assert examples() == before
