"""The one writer of the log: appends a group of records and returns when they are on disk.

Not thread-safe; the log calls it from one thread of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pi_auto.hub.eventlog.segments import Segment, begin, segments


class NotDurableError(Exception):
    """The disk would not confirm what was written: nothing after it can be trusted, the hub must start anew.

    A second fsync after a failed one may succeed without the data (Linux marks the pages clean).
    """


class SegmentWriter:
    """Appends to the newest segment from `end` on, and begins the next one when told."""

    def __init__(self, segment: Segment, end: int) -> None:
        self._segment, self._end = segment, end
        self._file = os.open(segment.path, os.O_WRONLY)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        os.fsync(self._file)  # what a killed hub had written but not flushed is served from now on

    def commit(self, data: bytes) -> None:
        """Append, durably. Raises OSError and leaves the log as it was if there is no room."""
        if os.fstat(self._file).st_nlink == 0:  # it would be written, and lost when the hub ends
            raise NotDurableError(f"{self._segment.path} was deleted while the hub ran")
        try:
            self._write(data)
        except OSError:
            self._back_out()
            raise
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise NotDurableError(f"{self._segment.path}: {error.strerror}") from error
        self._end += len(data)

    def roll(self, first: int, connected: Iterable[str]) -> None:
        """Begin the next segment. Raises OSError and stays with the present one if there is no room."""
        segment = Segment.of(self._segment.path.parent, first)
        try:
            begin(segment, connected)
            file = os.open(segment.path, os.O_WRONLY | os.O_APPEND)
        except OSError:  # it may stand there all the same, and would hide what the present one still gets
            segment.path.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._segment, self._file, self._end = segment, file, os.fstat(file).st_size

    def size(self) -> int:
        """Bytes in the present segment."""
        return self._end

    def close(self) -> None:
        """Let go of the file; everything committed is safe already."""
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def _back_out(self) -> None:
        with suppress(OSError):  # a reader never looks behind the last committed event
            os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)


def prune(folder: Path, acknowledged: int, *, old: int, older_than: float, most_bytes: int) -> int:
    """Delete the oldest segments that nobody needs, and say how many.

    A segment goes once all of it is acknowledged, and all of it is `old` and was last written before
    `older_than` (Unix seconds), or the log is larger than `most_bytes`. The newest always stays.
    """
    known = segments(folder)
    sizes = [segment.path.stat() for segment in known]
    total = sum(stat.st_size for stat in sizes)
    deleted = 0
    for segment, following, stat in zip(known, known[1:], sizes, strict=False):
        last = following.first - 1
        unwanted = (last <= old and stat.st_mtime < older_than) or total > most_bytes
        if last > acknowledged or not unwanted:
            break
        segment.path.unlink()
        total -= stat.st_size
        deleted += 1
    return deleted
