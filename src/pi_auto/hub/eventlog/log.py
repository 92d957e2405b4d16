"""The log as the hub's event loop sees it: append and be called when it is durable, read, acknowledge.

All disk work is done by one thread; a group of events is one write and one fdatasync.
When the disk is full the hub waits for room and sends no PUBACK meanwhile; when the disk
will not confirm a flush the hub is told to stop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeVar

from pi_auto.ages import Ages
from pi_auto.files import write_whole
from pi_auto.hub.eventlog import frames
from pi_auto.hub.eventlog.reader import EventReader
from pi_auto.hub.eventlog.record import Record, encode
from pi_auto.hub.eventlog.recovery import recover
from pi_auto.hub.eventlog.writer import NotDurableError, SegmentWriter, prune
from pi_auto.hub.groups import Groups
from pi_auto.wire import hublink

T = TypeVar("T")
logger = logging.getLogger("pi_auto.hub")

_REST = 0.004  # seconds; the answers of one group bring what the next one holds
_PATIENCE = 1.0  # seconds between two tries on a full disk
_ACKNOWLEDGED_AFTER = 5.0  # seconds until an acknowledgement is written down: a lost one costs nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """How the log uses the disk and the memory; bytes and seconds."""

    segment: int = 16 * 1024 * 1024
    total: int = 1024 * 1024 * 1024
    keep: float = 7 * 86400.0  # a server restored from a backup can ask for a week again
    gathered: int = 32 * 1024 * 1024


class EventLog:
    """The open log. `durable` is the newest event that is on disk, `acknowledged` the newest the server booked.

    `left_connected` are the devices that were connected when the hub last ended without saying so.
    Everything here runs on the event loop; `failed` is called once if the disk cannot be trusted.
    """

    def __init__(
        self,
        folder: Path,
        failed: Callable[[str], None],
        limits: Limits | None = None,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._failed, self._limits = folder, failed, limits or Limits()
        self._ages = Ages(folder / "ages.json", self._limits.keep, running)
        self.acknowledged = _read_acknowledged(folder)
        found = recover(folder, self.acknowledged)
        self._writer = SegmentWriter(found.segment, found.end)
        self.durable = self.newest = found.newest
        self.left_connected = found.connected
        self._connected = set(found.connected)
        self._gathered_bytes = 0
        self._told: list[Callable[[], None]] = []
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._persisting: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "event-log")
        self._groups = Groups(self._store, _REST)

    @property
    def congested(self) -> bool:
        """Whether so much waits for the disk that nobody should be read from."""
        return self._gathered_bytes > self._limits.gathered

    def append(self, record: Record, done: Callable[[], None] | None = None) -> None:
        """Add an event; `done` is called on the event loop when it is on disk, in the order of the appends."""
        self.newest += 1
        frame = frames.pack(self.newest, encode(record))
        self._gathered_bytes += len(frame)
        if record.kind != hublink.TELEMETRY:
            self._note_presence(record)
        self._groups.add(frame)
        if done:
            self._told.append(done)

    def when_durable(self, done: Callable[[], None]) -> None:
        """Call `done` on the event loop when all that was appended so far is on disk."""
        self._told.append(done)
        if not len(self._groups):  # it is being written already: an empty group comes after it
            self._groups.add(b"")

    async def wait_beyond(self, after: int) -> None:
        """Wait until there is a durable event above `after`."""
        while self.durable <= after:
            await self._news.wait()

    def reader(self, after: int) -> EventReader:
        """A reader that begins with the first event above `after`; use it in a thread, with `durable`."""
        return EventReader(self._folder, after)

    def acknowledge(self, through: int) -> None:
        """All events up to `through` are in the server's books."""
        self.acknowledged = max(self.acknowledged, through)
        if self._persisting is None:
            self._persisting = self._loop.call_later(_ACKNOWLEDGED_AFTER, self._persist)

    async def tidy(self) -> int:
        """Delete segments that nobody needs any more, and say how many."""
        return await self._on_thread(self._prune_old, self.durable)

    async def drained(self) -> None:
        """Wait until all that was appended is on disk."""
        await self._groups.drained()

    async def close(self) -> None:
        """Stop writing; wait for `drained` first to lose nothing."""
        await self._groups.stop()
        if self._persisting:
            self._persisting.cancel()
            await self._on_thread(_write_acknowledged, self._folder, self.acknowledged)
        self._thread.shutdown()
        self._writer.close()

    def _note_presence(self, record: Record) -> None:
        if record.kind == hublink.CONNECTED:
            self._connected.add(record.device_id)
        elif record.kind == hublink.DISCONNECTED:
            self._connected.discard(record.device_id)

    async def _store(self, group: list[bytes]) -> None:
        """Make a group durable, however long the disk is full, and tell those who wait for it."""
        frames_of_group = b"".join(group)
        newest = self.newest  # nothing is appended between a group's hand-over and these lines
        told, self._told = self._told, []
        following = sorted(self._connected) if self._is_full(len(frames_of_group)) else None
        self._gathered_bytes = 0
        await self._commit(frames_of_group)
        self.durable = newest
        self._news.set()
        self._news = asyncio.Event()
        for done in told:
            done()
        if following is not None:
            await self._roll(newest + 1, following)

    def _is_full(self, more: int) -> bool:
        return self._writer.size() + more > self._limits.segment

    async def _commit(self, data: bytes) -> None:
        """Return once the data is durable; never if the disk cannot be trusted any more."""
        complained = False
        while True:
            try:
                await self._on_thread(self._writer.commit, data)
            except NotDurableError as error:
                self._failed(f"events cannot be made durable: {error}")
                await asyncio.Event().wait()  # until the hub stops; nothing may be acknowledged any more
            except OSError as error:
                if not complained:
                    logger.error("no room for events, devices have to wait: %s", error)  # noqa: TRY400
                complained = True
                await self._on_thread(self._prune, self.acknowledged, inf)
                await asyncio.sleep(_PATIENCE)
            else:
                if complained:
                    logger.warning("there is room for events again")
                return

    async def _roll(self, first: int, connected: list[str]) -> None:
        try:
            await self._on_thread(self._writer.roll, first, connected)
        except OSError as error:
            logger.warning("no new segment, the event log stays with the present one: %s", error)

    def _prune_old(self, durable: int) -> int:
        return self._prune(self._ages.old(durable) or 0, time.time() - self._limits.keep)

    def _prune(self, old: int, older_than: float) -> int:
        total = self._limits.total
        return prune(self._folder, self.acknowledged, old=old, older_than=older_than, most_bytes=total)

    def _persist(self) -> None:
        self._persisting = None
        self._thread.submit(_write_acknowledged, self._folder, self.acknowledged)

    async def _on_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._thread, work, *arguments)


def _read_acknowledged(folder: Path) -> int:
    try:
        return int((folder / "acknowledged").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _write_acknowledged(folder: Path, through: int) -> None:
    try:
        write_whole(folder / "acknowledged", f"{through}\n", mode=0o600)
    except OSError as error:
        logger.warning("%s: the acknowledged position cannot be written: %s", folder, error.strerror)
