"""The one thread that writes the books: every job that waits shares the next commit.

A job is a function of the writing connection. It may run again if the commit it shared
failed, so it must hold no state outside the books. Its future resolves only after COMMIT:
whoever has the result may tell the world. A job that raises takes back what it did itself
and nothing else; a job that makes the COMMIT fail is found by committing each one alone.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from pi_auto.server.store.changes import last_change, start_numbering
from pi_auto.server.store.engine import Store
from pi_auto.server.store.statements import execute

T = TypeVar("T")
Callback = Callable[[int], None]

MOST_WAITING = 1024  # jobs; more would answer later than devices wait
MOST_TOGETHER = 256  # jobs in one transaction
_log = logging.getLogger(__name__)


class Busy(Exception):  # noqa: N818 - a condition that passes, not a fault
    """The writer cannot take the job now; the same may be tried again later."""


@dataclass(slots=True)
class _Job:
    run: Callable[[Connection], Any]
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """Takes jobs from any thread and commits them in groups. Starts its thread at once."""

    def __init__(self, store: Store, *, most_waiting: int = MOST_WAITING) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue(most_waiting)
        self._callbacks: list[Callback] = []
        self._closing = threading.Lock()
        self._closed = False
        self._died = False
        self._connection = store.writing()
        with self._connection.begin():
            self.newest_at_start = start_numbering(self._connection)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[Connection], T]) -> Future[T]:
        """Have the job run and committed. Raises Busy when too many wait, or when the writer is closed or dead."""
        entry = _Job(job)
        with self._closing:  # nothing may slip in behind the order to stop
            if self._closed or not self._thread.is_alive():
                raise Busy("the books are closed")
            try:
                self._jobs.put_nowait(entry)
            except queue.Full:
                raise Busy(f"{self._jobs.maxsize} writes are waiting") from None
        return entry.future

    def on_commit(self, callback: Callback) -> None:
        """Call `callback` with the newest change number after each commit, on the writer's thread."""
        self._callbacks.append(callback)

    def alive(self) -> bool:
        """Whether jobs are still taken and run."""
        return not self._closed and self._thread.is_alive()

    def wait_for_end(self) -> bool:
        """Wait until no more jobs are run; whether the writer died, where nobody had closed it."""
        self._thread.join()
        return self._died

    def close(self) -> None:
        """Run what waits, then stop."""
        with self._closing:
            already, self._closed = self._closed, True
        if not already:
            self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            for jobs in self._groups():
                self._commit(jobs)
        except BaseException:  # noqa: BLE001 - the thread ends here, whatever it was
            self._died = True
            _log.critical("the writer has died", exc_info=True)
        finally:
            self._closed = True
            self._refuse_rest()
            self._connection.close()

    def _groups(self) -> Iterator[list[_Job]]:
        """What waits, in groups: no delay is added, a group is whatever came during the last commit."""
        while (job := self._jobs.get()) is not None:
            group = [job]
            while len(group) < MOST_TOGETHER and not self._jobs.empty():
                if (job := self._jobs.get()) is None:
                    yield group
                    return
                group.append(job)
            yield group

    def _commit(self, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if job.future.running() or job.future.set_running_or_notify_cancel()]
        try:
            outcomes = self._transact(jobs)
        except Exception as error:  # noqa: BLE001 - whatever it was, every future must learn of it
            self._roll_back()
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            _log.warning("a commit of %d jobs failed, trying each alone: %s", len(jobs), error)
            for job in jobs:
                self._commit([job])
            return
        self._tell(jobs, outcomes)

    def _roll_back(self) -> None:
        """A COMMIT that fails leaves SQLAlchemy without a transaction and SQLite in one: rid both of it."""
        self._connection.rollback()
        self._connection.connection.rollback()

    def _transact(self, jobs: list[_Job]) -> list[Any]:
        """Run the jobs in one transaction and commit it; an outcome is a result or the exception of that job."""
        with self._connection.begin():
            return [self._attempt(job) for job in jobs]

    def _attempt(self, job: _Job) -> Any:
        execute(self._connection, "SAVEPOINT job")
        try:
            result = job.run(self._connection)
        except Exception as error:  # noqa: BLE001 - the job's own failure, told to whoever waits for it
            # A full disk makes SQLite take the whole transaction back; then this fails, and each job goes alone.
            execute(self._connection, "ROLLBACK TO job")
            result = _Failed(error)
        execute(self._connection, "RELEASE job")
        return result

    def _tell(self, jobs: list[_Job], outcomes: list[Any]) -> None:
        newest = last_change(self._connection)
        for callback in self._callbacks:
            callback(newest)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, _Failed):
                job.future.set_exception(outcome.error)
            else:
                job.future.set_result(outcome)

    def _refuse_rest(self) -> None:
        while not self._jobs.empty():
            if job := self._jobs.get():
                job.future.set_exception(Busy("the books are closed"))


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception
