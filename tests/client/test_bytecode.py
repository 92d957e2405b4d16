"""What a release takes over of another's bytecode: only what was made of the same source, and is whole."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from pi_auto.client.appliance.bytecode import FILE, compile_release

SAME = "def where():\n    return where.__code__.co_filename\n"
SPOILED = b"bytes that a card has lost"


def release(folder: Path, name: str, former: Path | None = None, **files: str) -> Path:
    """A release of these modules, compiled."""
    made = folder / name
    (made / "app").mkdir(parents=True)
    for module, text in files.items():
        (made / "app" / f"{module}.py").write_text(text)
    compile_release(made, made, former)
    return made


def bytecode(made: Path, module: str = "same") -> Path:
    return Path(cache_from_source(str(made / "app" / f"{module}.py")))


@pytest.fixture
def former(tmp_path: Path) -> Path:
    return release(tmp_path, "1", same=SAME, other="X = 1\n")


def test_bytecode_of_the_same_source_is_taken_over_and_knows_where_it_lies(tmp_path: Path, former: Path) -> None:
    new = release(tmp_path, "2", former, same=SAME, other="X = 2\n")
    assert bytecode(new).read_bytes() == bytecode(former).read_bytes()
    assert bytecode(new, "other").read_bytes() != bytecode(former, "other").read_bytes()
    asked = (
        f"import sys; sys.path.insert(0, {str(new / 'app')!r}); import other, same; print(other.X, same.where())"
    )
    said = subprocess.run([sys.executable, "-I", "-c", asked], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["2", str(new / "app/same.py")]


def test_it_is_taken_over_from_one_release_to_the_next(tmp_path: Path, former: Path) -> None:
    new = release(tmp_path, "2", former, same=SAME)
    newest = release(tmp_path, "3", new, same=SAME)
    assert bytecode(newest).read_bytes() == bytecode(former).read_bytes()


def test_bytecode_that_the_card_has_lost_is_made_anew(tmp_path: Path, former: Path) -> None:
    bytecode(former).write_bytes(bytecode(former).read_bytes()[:16] + SPOILED)
    new = release(tmp_path, "2", former, same=SAME)
    assert SPOILED not in bytecode(new).read_bytes()


@pytest.mark.parametrize("told", [None, "", "[]", '{"app/same.py": 7}', '{"app/same.py": ["a"]}', "\0" * 4096])
def test_where_nothing_is_known_of_it_all_is_compiled(tmp_path: Path, former: Path, told: str | None) -> None:
    if told is None:
        (former / FILE).unlink()
    else:
        (former / FILE).write_text(told)
    bytecode(former).write_bytes(SPOILED)
    new = release(tmp_path, "2", former, same=SAME)
    assert SPOILED not in bytecode(new).read_bytes()
    assert list(json.loads((new / FILE).read_text())) == ["app/same.py"]


def test_another_pythons_bytecode_is_not_taken_over(tmp_path: Path, former: Path) -> None:
    told = json.loads((former / FILE).read_text())
    bytecode(former).write_bytes(b"\0\0\r\n" + SPOILED)
    told["app/same.py"][1] = _digest(bytecode(former))
    (former / FILE).write_text(json.dumps(told))
    new = release(tmp_path, "2", former, same=SAME)
    assert SPOILED not in bytecode(new).read_bytes()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
