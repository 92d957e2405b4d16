"""Marks: never back by themselves, kept over restarts, and what they allow capture to prune."""

from __future__ import annotations

import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.settled import acknowledged, settled_at, settled_everywhere
from pi_auto.wire.ids import Position
from support.records import SPOOL

OTHER = "99999999-2222-4333-8444-555555555555"
FULL = 2  # SQLite's number for it


def at(number: int, spool: str = SPOOL) -> Position:
    return Position(spool, number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marks.sqlite"


@pytest.fixture
def marks(path: Path) -> Iterator[Marks]:
    marks = Marks(path)
    yield marks
    marks.close()


def test_a_mark_advances_and_never_goes_back(marks: Marks) -> None:
    assert marks.through("api", SPOOL) == 0
    for number, mark in [(3, 3), (7, 7), (5, 7)]:
        marks.advance("api", at(number))
        assert marks.through("api", SPOOL) == mark


def test_marks_of_destinations_and_spools_are_apart(marks: Marks) -> None:
    marks.advance("api", at(7))
    marks.advance("api", at(2, OTHER))
    assert [marks.through(*key) for key in [("hub", SPOOL), ("api", SPOOL), ("api", OTHER)]] == [0, 7, 2]


def test_a_mark_is_rewound_only_when_told_and_never_forward(marks: Marks) -> None:
    marks.advance("api", at(7))
    marks.rewind("api", at(9))
    assert marks.through("api", SPOOL) == 7
    marks.rewind("api", at(4))
    assert marks.through("api", SPOOL) == 4
    marks.rewind("hub", at(4))
    assert marks.through("hub", SPOOL) == 0


def test_what_nobody_would_say_again_is_flushed_to_the_disk_and_a_step_forward_is_not(marks: Marks) -> None:
    """After a power cut a step forward is made again; a step back, and what was set aside, would be forgotten."""

    def is_flushed() -> bool:
        assert marks._connection
        return bool(marks._connection.execute("PRAGMA synchronous").fetchone() == (FULL,))

    marks.advance("api", at(7))
    assert not is_flushed()
    marks.rewind("api", at(4))
    assert is_flushed()
    marks.advance("api", at(5))
    marks.set_aside("api", at(5), "a uuid", "{}", "a reason")
    assert is_flushed()


def test_marks_outlast_the_process(marks: Marks, path: Path) -> None:
    marks.advance("hub", at(7))
    again = Marks(path)
    assert again.through("hub", SPOOL) == 7
    again.close()


def test_an_unknown_destination_is_refused(marks: Marks) -> None:
    with pytest.raises(ValueError, match="allowed: api, hub"):
        marks.advance("cloud", at(1))


def let_writing(marks: Marks, *, yes: bool) -> None:
    """As on a disk that is full, or that the kernel has made read-only."""
    assert marks._connection
    marks._connection.execute(f"PRAGMA query_only = {not yes}")


def test_a_step_that_the_disk_does_not_take_is_remembered_and_written_when_it_does(
    marks: Marks, path: Path
) -> None:
    marks.advance("api", at(3))
    let_writing(marks, yes=False)
    for number in (4, 6, 5):
        marks.advance("api", at(number))
    marks.advance("hub", at(2))
    assert (marks.through("api", SPOOL), marks.through("hub", SPOOL)) == (6, 2)
    assert settled_at(path, "api", SPOOL) == 3  # nothing is pruned that a power cut would have sent again

    let_writing(marks, yes=True)
    assert (marks.through("api", SPOOL), marks.through("hub", SPOOL)) == (6, 2)
    assert (settled_at(path, "api", SPOOL), settled_at(path, "hub", SPOOL)) == (6, 2)


def test_a_step_back_holds_also_behind_steps_that_the_disk_did_not_take(marks: Marks, path: Path) -> None:
    marks.advance("api", at(3))
    let_writing(marks, yes=False)
    marks.advance("api", at(9))
    with pytest.raises(sqlite3.OperationalError):
        marks.rewind("api", at(5))
    assert marks.through("api", SPOOL) == 9
    let_writing(marks, yes=True)
    marks.rewind("api", at(5))
    assert (marks.through("api", SPOOL), settled_at(path, "api", SPOOL)) == (5, 5)


@contextmanager
def no_room() -> Iterator[None]:
    """As on a disk without a free block: no file grows."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_marks_are_read_where_a_full_disk_has_no_room_to_open_them(path: Path) -> None:
    """An agent that was stopped in order has left no log beside them, and starts on a full disk all the same."""
    with closing(Marks(path)) as before:
        before.advance("api", at(3))

    with no_room():
        marks = Marks(path)
        assert marks.through("api", SPOOL) == 3
        marks.advance("api", at(4))
        assert marks.through("api", SPOOL) == 4

    marks.advance("api", at(5))
    marks.close()
    assert settled_at(path, "api", SPOOL) == 5


def test_marks_for_which_there_is_no_room_yet_are_made_when_there_is(path: Path) -> None:
    with no_room():
        marks = Marks(path)
        with pytest.raises(sqlite3.OperationalError):
            marks.through("api", SPOOL)

    assert marks.through("api", SPOOL) == 0
    marks.close()


def test_what_is_so_already_need_not_be_written(marks: Marks) -> None:
    marks.set_active("hub", True)
    let_writing(marks, yes=False)
    marks.set_active("hub", True)
    with pytest.raises(sqlite3.OperationalError):
        marks.set_active("hub", False)


def test_what_was_set_aside_is_kept_once_with_its_reason(marks: Marks) -> None:
    for _ in range(2):
        marks.set_aside("api", at(3), "some-uuid", "{body}", "text is too long")
    marks.set_aside("hub", at(3), "some-uuid", "{body}", "body is too large")
    assert [
        (aside.destination, aside.position, aside.uuid, aside.body, aside.reason) for aside in marks.aside()
    ] == [
        ("api", at(3), "some-uuid", "{body}", "text is too long"),
        ("hub", at(3), "some-uuid", "{body}", "body is too large"),
    ]


@pytest.mark.parametrize(
    ("active", "settled"),
    [
        ({"api": True, "hub": True}, 4),
        ({"api": True, "hub": False}, 9),
        ({"api": False, "hub": True}, 4),
        ({"api": False, "hub": False}, None),
        ({"api": True}, None),
        ({}, None),
    ],
)
def test_settled_everywhere_is_the_lowest_mark_of_active_destinations(
    marks: Marks, path: Path, active: dict[str, bool], settled: int | None
) -> None:
    marks.advance("api", at(9))
    marks.advance("hub", at(4))
    for destination, is_active in active.items():
        marks.set_active(destination, is_active)
    assert settled_everywhere(path, SPOOL) == settled


def test_an_active_destination_without_a_mark_has_settled_nothing(marks: Marks, path: Path) -> None:
    marks.set_active("api", True)
    marks.set_active("hub", True)
    marks.advance("api", at(9))
    assert settled_everywhere(path, SPOOL) == 0
    assert settled_everywhere(path, OTHER) == 0


def test_the_highest_acknowledgement_is_known_of_each_spool(marks: Marks, path: Path) -> None:
    marks.advance("api", at(9))
    marks.advance("hub", at(4))
    assert (acknowledged(path, SPOOL), acknowledged(path, OTHER)) == (9, 0)
    assert [settled_at(path, *key) for key in [("api", SPOOL), ("hub", SPOOL), ("api", OTHER)]] == [9, 4, 0]


def test_without_readable_marks_nothing_is_known(path: Path) -> None:
    assert (settled_everywhere(path, SPOOL), acknowledged(path, SPOOL)) == (None, 0)
    assert settled_at(path, "api", SPOOL) == 0
    path.write_bytes(os.urandom(5000))
    assert (settled_everywhere(path, SPOOL), acknowledged(path, SPOOL)) == (None, 0)


def test_broken_marks_are_kept_and_begun_anew(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)
    marks = Marks(path)
    marks.advance("api", at(1))
    marks.close()
    (kept,) = path.parent.glob("marks.sqlite.broken-*")
    assert kept.read_bytes() == b"garbage" * 1000


@pytest.mark.parametrize("value", ["''", "'7 or so'", "x'0007'", "9e999", "1.5"])
def test_a_mark_that_is_no_number_says_nothing_and_is_begun_anew(path: Path, value: str) -> None:
    with closing(Marks(path)) as marks:
        for destination in ("api", "hub"):
            marks.advance(destination, at(7))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"UPDATE marks SET through = {value}")  # noqa: S608 - from above
        assert marks.through("api", SPOOL) == 0
        # What capture asks at its start, and before it prunes: it must not end for it.
        assert (acknowledged(path, SPOOL), settled_at(path, "api", SPOOL)) == (0, 0)
        assert settled_everywhere(path, SPOOL) is None
    with closing(Marks(path)) as marks:
        marks.advance("api", at(3))
        assert marks.through("api", SPOOL) == 3


def test_marks_that_break_under_the_agent_are_begun_anew_without_a_restart(marks: Marks, path: Path) -> None:
    for number in range(1000):  # more than SQLite keeps in memory
        marks.set_aside("api", at(number), "some-uuid", "x" * 4000, "reason")
    with path.open("r+b") as vandal:
        vandal.seek(40 * 4096)
        vandal.write(b"\xa5" * 2_000_000)
    assert marks.aside() == []
    marks.advance("api", at(9))
    assert marks.through("api", SPOOL) == 9
    assert list(path.parent.glob("marks.sqlite.broken-*"))


def test_marks_are_read_beside_the_agent_and_cannot_be_written_there(marks: Marks, path: Path) -> None:
    marks.advance("api", at(7))
    with closing(Marks.reading(path)) as beside:
        assert beside.through("api", SPOOL) == 7
        marks.advance("api", at(8))
        assert beside.through("api", SPOOL) == 8
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            beside.advance("api", at(9))


def test_reading_marks_that_are_not_there_makes_none(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError), closing(Marks.reading(path)) as beside:
        beside.through("api", SPOOL)
    assert not path.exists()


def test_several_threads_may_move_marks_at_once(marks: Marks) -> None:
    def advance() -> None:
        for number in range(1, 101):
            marks.advance("api", at(number))

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert marks.through("api", SPOOL) == 100
