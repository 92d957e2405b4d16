"""Prints the events as lines of JSON on the hub's standard output, for whoever reads that.

The log is the buffer: one piece is read from it, and the next only when the reader has taken
that one. A reader that is slow, stands still or goes away costs the hub no memory and no time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import select
import sys
import threading
from typing import NamedTuple

from pi_auto.hub.errors import OperatorError
from pi_auto.hub.eventlog.log import EventLog

logger = logging.getLogger("pi_auto.hub")

_LAST_LINES = 1.0  # seconds for a reader to take what is left when the hub stops


class _Piece(NamedTuple):
    data: bytes
    written: asyncio.Future[None]


class Printing:
    """Prints the events above a sequence number to a descriptor: a pipe, a file, a terminal."""

    def __init__(self, log: EventLog, after: int, descriptor: int) -> None:
        self._log, self._cursor, self._descriptor = log, log.reader(after), descriptor
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
        # Of its own and a daemon: a write to a full pipe ends with the reader or with the process.
        threading.Thread(target=self._write, name="events", daemon=True).start()
        self._printed = after
        self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        """The hub stops: give the reader a moment to take what is left."""
        deadline = self._loop.time() + _LAST_LINES
        while self._printed < self._log.durable and not self._task.done():
            if self._loop.time() > deadline:
                logger.warning("nobody has read the events above %d: they stay in the log", self._printed)
                break
            await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await self._print_next()
        except OSError as error:
            logger.warning("events are no longer printed, they stay in the log: %s", error.strerror)
        except ValueError as error:  # the log is damaged
            logger.error("events are no longer printed: %s", error)  # noqa: TRY400 - the sentence says it all

    async def _print_next(self) -> None:
        """Print a piece, and count it as taken: without a server nobody else tells the log what it may delete."""
        await self._log.wait_beyond(self._cursor.after)
        piece = _Piece(await asyncio.to_thread(self._cursor.lines, self._log.durable), self._loop.create_future())
        self._pieces.put(piece)
        await piece.written
        self._printed = self._cursor.after
        self._log.acknowledge(self._printed)

    def _write(self) -> None:
        while True:
            piece = self._pieces.get()
            error: OSError | None = None
            try:
                _write_all(self._descriptor, piece.data)
            except OSError as failed:
                error = failed
            self._loop.call_soon_threadsafe(_settle, piece.written, error)


def standard_output() -> int:
    """Its descriptor. Raises OperatorError: where stdout is closed, 1 may be the number of a file of ours."""
    if sys.__stdout__ is None:  # as it was at the start: have_stdout puts something else into sys.stdout
        raise OperatorError("stdout is closed: --events - has nowhere to print to")
    return sys.stdout.fileno()


def start_after(first: int | None, newest: int) -> int:
    """Behind which event to begin: that before `first`, or the newest one there is. Raises OperatorError."""
    if first is None:
        return newest
    if first > newest + 1:
        raise OperatorError(f"there is no event {first} yet: --events-from is at most {newest + 1}")
    return first - 1


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever started us shares a pipe that does not block
            select.select([], [descriptor], [])


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if written.done():
        return
    if error:
        written.set_exception(error)
    else:
        written.set_result(None)
