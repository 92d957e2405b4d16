"""What is old is told by how long the program has run since, across restarts, and never too early."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pi_auto.ages import Ages

KEEP = 6400.0  # seconds: a mark each hundred


@dataclass
class Running:
    """Seconds for which a program has run."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def ages(folder: Path, running: Running) -> Ages:
    return Ages(folder / "ages.json", KEEP, running)


def test_what_was_there_before_so_much_running_is_old_and_nothing_later(tmp_path: Path) -> None:
    running = Running()
    kept = ages(tmp_path, running)
    for number in range(1000):
        running.seconds = 10.0 * number
        old = kept.old(number)
        there = (running.seconds - KEEP) / 10  # the newest that was there then
        assert (old is None) == (there < 0)
        if old is not None:
            assert there - 10 <= old <= there


def test_time_in_which_the_program_was_off_makes_nothing_old(tmp_path: Path) -> None:
    for start in range(20):  # each run has a clock of its own, which begins anywhere
        running = Running(1000.0 * start)
        kept = ages(tmp_path, running)
        assert kept.old(7 + start) == (None if start < 11 else 7 + max(start - 12, 0))  # 600 s in each run
        running.seconds += 600
        kept.old(7 + start)


def test_a_sequence_that_was_put_back_begins_to_age_anew(tmp_path: Path) -> None:
    running = Running()
    kept = ages(tmp_path, running)
    assert kept.old(50) is None
    running.seconds = KEEP / 2
    assert kept.old(1000) is None
    assert kept.old(60) is None  # as of a backup: 61 to 1000 will be given to others
    running.seconds = KEEP
    assert kept.old(2000) == 50
    running.seconds = 1.5 * KEEP
    assert kept.old(3000) == 60


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"\xff", b'{"ran": 1e9}', b'{"ran": "x", "marks": []}', b'{"ran": 1, "marks": [3]}',
        b'{"ran": 1e999, "marks": []}', b'{"ran": NaN, "marks": []}', b'{"ran": 1, "marks": [[-1e999, 3]]}',
        b'{"ran": 1, "marks": [[0, 1e999]]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_makes_nothing_old(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ages.json").write_bytes(content)
    running = Running()
    kept = ages(tmp_path, running)
    assert kept.old(5) is None
    running.seconds = KEEP
    assert kept.old(6) == 5


def test_the_file_stays_small_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    running = Running()
    kept = ages(tmp_path, running)
    for number in range(200):
        running.seconds = 100.0 * number
        kept.old(number)
    path = tmp_path / "ages.json"
    assert len(json.loads(path.read_bytes())["marks"]) <= 66
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_where_the_file_cannot_be_written_ages_are_told_all_the_same(tmp_path: Path) -> None:
    running = Running()
    kept = ages(tmp_path / "gone", running)
    assert kept.old(5) is None
    running.seconds = KEEP
    assert kept.old(6) == 5
