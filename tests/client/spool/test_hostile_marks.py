"""Whatever an agent gone wild puts in the place of its marks, capture is not held up, and stores on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_auto.client.spool import settled
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.settled import acknowledged, settled_at, settled_everywhere
from pi_auto.wire.ids import Position
from support.records import SPOOL

# Marks whose progress is whatever stands in the place of WHATEVER.
_MARKS = """
CREATE TABLE destinations(name TEXT, active);
INSERT INTO destinations VALUES ('api', 1), ('hub', 1);
CREATE VIEW marks AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)
  SELECT 'api' AS destination, 'SPOOL' AS spool, WHATEVER
"""
# Holds a lease on the file, by which its owner has the kernel let everybody wait who opens it.
_LEASING = """
import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = open(sys.argv[1], "r+b")
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"""


def telling(whatever: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.executescript(_MARKS.replace("SPOOL", SPOOL).replace("WHATEVER", whatever))
        connection.close()

    return make


HOSTILE = {
    "a pipe": os.mkfifo,
    "a link to what never ends": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a view that never ends": telling("x AS through FROM r"),
    "a view that takes a gigabyte": telling("length(randomblob(900000000)) AS through"),
    "words for numbers": telling("'very far' AS through"),
    "endless numbers": telling("9e999 AS through"),
}


@pytest.mark.parametrize("plant", HOSTILE.values(), ids=HOSTILE)
def test_of_what_are_no_marks_nothing_is_known_and_that_soon(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    path = tmp_path / "marks.sqlite"
    plant(path)
    began = time.monotonic()

    assert not settled_everywhere(path, SPOOL)  # so nothing is pruned
    assert (acknowledged(path, SPOOL), settled_at(path, "api", SPOOL)) in {(0, 0), (0, 1)}
    assert time.monotonic() - began < settled._PATIENCE


@contextmanager
def leased(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", _LEASING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdin
        assert owner.stdout
        assert owner.stdout.readline() == b"held\n"
        yield
        owner.stdin.close()


def test_marks_that_cannot_be_opened_in_time_hold_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits for them is the only one, and once it is through they are known again."""
    path = tmp_path / "marks.sqlite"
    marks = Marks(path)
    marks.advance("api", Position(SPOOL, 7))
    marks.close()

    with leased(path), monkeypatch.context() as hurried:
        hurried.setattr(settled, "_PATIENCE", 0.3)
        assert [acknowledged(path, SPOOL) for _ in range(3)] == [0, 0, 0]

    assert acknowledged(path, SPOOL) == 7
