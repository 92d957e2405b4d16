from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from pi_auto.server.store.changes import Changes, next_change
from pi_auto.server.store.engine import Store, open_store
from pi_auto.server.store.writer import Busy, Writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    opened = Writer(store, most_waiting=8)
    yield opened
    opened.close()


def add(source: str, through: int = 1) -> Any:
    def job(connection: Connection) -> str:
        connection.execute(
            text("INSERT INTO cursors (source, through) VALUES (:source, :through)"),
            {"source": source, "through": through},
        )
        return source

    return job


def sources(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return [row.source for row in connection.execute(text("SELECT source FROM cursors ORDER BY source"))]


class Gate:
    """Holds the writer up inside a job until it is opened, so that what is submitted meanwhile shares a commit."""

    def __init__(self, writer: Writer) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self._job = writer.submit(self._hold)
        assert self._entered.wait(10)

    def open(self) -> None:
        self._open.set()
        self._job.result(10)

    def _hold(self, _: Connection) -> None:
        self._entered.set()
        assert self._open.wait(10)


def test_a_future_resolves_only_when_others_can_read_what_was_written(store: Store, writer: Writer) -> None:
    assert writer.submit(add("a")).result(10) == "a"
    assert sources(store) == ["a"]


def test_jobs_that_wait_share_one_commit(writer: Writer) -> None:
    commits: list[int] = []
    gate = Gate(writer)
    jobs = [writer.submit(add(name)) for name in "abc"]
    writer.on_commit(commits.append)
    gate.open()
    for job in jobs:
        job.result(10)
    assert len(commits) == 2, "the gate's own, and one for the three"


def test_a_job_that_raises_takes_back_only_its_own(store: Store, writer: Writer) -> None:
    def bad(connection: Connection) -> None:
        add("half")(connection)
        raise ValueError("no")

    gate = Gate(writer)
    jobs: list[Future[Any]] = [writer.submit(add("a")), writer.submit(bad), writer.submit(add("b"))]
    gate.open()
    assert jobs[0].result(10) == "a"
    assert jobs[2].result(10) == "b"
    with pytest.raises(ValueError, match="no"):
        jobs[1].result(10)
    assert sources(store) == ["a", "b"]


def test_a_job_that_breaks_the_commit_is_found_and_the_others_are_kept(store: Store, writer: Writer) -> None:
    def poison(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # so that only COMMIT notices
        connection.execute(text("INSERT INTO tokens VALUES (x'00', 'nobody', '2026-01-01 00:00:00.000000')"))

    gate = Gate(writer)
    jobs: list[Future[Any]] = [writer.submit(add("a")), writer.submit(poison), writer.submit(add("b"))]
    gate.open()
    assert [jobs[0].result(10), jobs[2].result(10)] == ["a", "b"]
    with pytest.raises(Exception, match="FOREIGN KEY"):
        jobs[1].result(10)
    assert sources(store) == ["a", "b"]
    assert writer.submit(add("c")).result(10) == "c"


def test_a_job_that_ends_the_transaction_itself_hurts_nobody_else(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    jobs: list[Future[Any]] = [
        writer.submit(add("a")),
        writer.submit(lambda connection: connection.exec_driver_sql("ROLLBACK")),
        writer.submit(add("b")),
    ]
    gate.open()
    assert [jobs[0].result(10), jobs[2].result(10)] == ["a", "b"]
    assert sources(store) == ["a", "b"]


def test_a_full_queue_is_busy_at_once(writer: Writer) -> None:
    gate = Gate(writer)
    jobs = [writer.submit(add(str(n))) for n in range(8)]
    with pytest.raises(Busy):
        writer.submit(add("one too many"))
    gate.open()
    assert [job.result(10) for job in jobs] == [str(n) for n in range(8)]


def test_a_cancelled_job_is_not_run(store: Store, writer: Writer) -> None:
    gate = Gate(writer)
    jobs = [writer.submit(add("a")), writer.submit(add("b"))]
    assert jobs[0].cancel()
    gate.open()
    jobs[1].result(10)
    assert sources(store) == ["b"]


def test_closing_runs_what_waits_and_takes_nothing_more(store: Store) -> None:
    writer = Writer(store)
    jobs = [writer.submit(add(str(n))) for n in range(5)]
    writer.close()
    assert [job.result(0) for job in jobs] == [str(n) for n in range(5)]
    assert not writer.alive()
    with pytest.raises(Busy):
        writer.submit(add("late"))


def test_readers_cannot_write(store: Store) -> None:
    with store.engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.execute(text("INSERT INTO cursors (source, through) VALUES ('a', 1)"))


def test_every_write_is_durable_before_it_is_told(store: Store, writer: Writer) -> None:
    pragmas = writer.submit(
        lambda books: [
            books.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")
        ]
    )
    assert pragmas.result(10) == [2, "wal"]
    assert store.path.exists()


def test_change_numbers_rise_and_are_told_after_the_commit(writer: Writer) -> None:
    changes = Changes(writer.newest_at_start)
    writer.on_commit(changes.publish)
    numbers = [writer.submit(next_change).result(10) for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert changes.newest() == numbers[-1]


def test_waiting_for_a_change_ends_with_it(writer: Writer) -> None:
    changes = Changes()
    writer.on_commit(changes.publish)
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(changes.wait_beyond(0, 30)))
    waiting.start()
    writer.submit(next_change).result(10)
    waiting.join(10)
    assert found == [1]


def test_waiting_for_a_change_ends_by_itself_and_at_a_stop() -> None:
    changes = Changes(7)
    assert changes.wait_beyond(6, 0) == 7
    assert changes.wait_beyond(7, 0.01) == 7
    changes.stop()
    assert changes.wait_beyond(7, 30) == 7


def test_a_writer_that_dies_says_so_and_takes_nothing_more(writer: Writer) -> None:
    def deadly(_: Connection) -> None:
        raise SystemExit

    writer.submit(deadly)
    assert writer.wait_for_end()
    assert not writer.alive()
    with pytest.raises(Busy):
        writer.submit(add("local"))


def test_a_writer_that_was_closed_did_not_die(writer: Writer) -> None:
    writer.close()
    assert not writer.wait_for_end()
