"""A whole run with a few failures: what passes alone is named, what fails alone is red."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import second_look

_TESTS = Path(second_look.__file__).parents[1]
_UNSTEADY = """
from pathlib import Path
def test_first_time_never():
    seen = Path(__file__).with_suffix(".seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError
"""


def _after(folder: Path, code: str) -> tuple[int, str]:
    """What the second look says after a run of these tests."""
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (folder / "test_it.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(_TESTS), "PYTEST_ADDOPTS": ""}
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, check=False, env=environment)
    command = [sys.executable, "-m", "support.second_look"]
    looked = subprocess.run(command, cwd=folder, check=False, env=environment, capture_output=True, text=True)
    return looked.returncode, looked.stdout


def test_what_failed_once_and_passes_alone_is_named(tmp_path: Path) -> None:
    code, said = _after(tmp_path, _UNSTEADY)
    assert code == 0
    assert said.endswith("UNSTEADY, to be mended: failed once beside the others, and never alone:\n"
                         "  test_it.py::test_first_time_never\n")  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "def test_wrong():\n    assert False",
        f"{_UNSTEADY}\ndef test_wrong():\n    assert False",
        "import pytest\n@pytest.mark.parametrize('n', range(4))\ndef test_wrong(n):\n    assert False",
        "import nothing_of_that_name",
    ],
    ids=["fails alone", "one of two fails alone", "too many", "cannot be collected"],
)
def test_all_else_is_red(tmp_path: Path, code: str) -> None:
    assert _after(tmp_path, code)[0] == 1
