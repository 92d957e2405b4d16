"""How old something is, told by how long the program has run since, never by the clock alone.

A clock that is years ahead for an hour would have everything deleted that is kept for so long. So a program
that deletes by age marks, again and again, how far a sequence has come (a row's number, an event's), and how
long it has run by then. What has been there for `keep` seconds of running is old, whatever the clock says.
Time in which the program did not run counts for nothing: things are kept for longer, never for less.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pi_auto.files import write_whole

_MARKS = 64  # within `keep`: things are kept for as much as a 64th longer
_WRITTEN_AFTER = 600.0  # seconds of running that a crash may have forgotten
_log = logging.getLogger(__name__)


class Ages:
    """The marks of one sequence; `keep` in seconds. Where their file cannot be read they are begun anew."""

    def __init__(self, path: Path, keep: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._keep, self._clock = path, keep, clock
        self._ran, self._marks = _read(path)
        self._written = self._ran
        self._at = clock()

    def old(self, through: int) -> int | None:
        """The sequence has come to `through`: up to where all of it is old by now, if anything is.

        One that was further before was put back, as by a backup: what was marked beyond it says nothing.
        """
        now = self._clock()
        self._ran, self._at = self._ran + now - self._at, now
        self._marks = [mark for mark in self._marks if mark[1] <= through]
        is_due = not self._marks or self._ran - self._marks[-1][0] >= self._keep / _MARKS
        if is_due:
            self._marks.append((self._ran, through))
        ripe = [mark for mark in self._marks if self._ran - mark[0] >= self._keep]
        self._marks = self._marks[max(len(ripe) - 1, 0) :]
        if is_due or self._ran - self._written >= _WRITTEN_AFTER:
            self._write()
        return ripe[-1][1] if ripe else None

    def _write(self) -> None:
        try:
            write_whole(self._path, json.dumps({"ran": self._ran, "marks": self._marks}) + "\n", mode=0o600)
        except OSError as error:  # the disk may be full: what is deleted next makes room
            _log.warning("%s cannot be written: %s", self._path, error.strerror)
        else:
            self._written = self._ran


def _read(path: Path) -> tuple[float, list[tuple[float, int]]]:
    """Seconds that were run, and marks of them; nothing where the file is not there or is not ours."""
    with suppress(OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        said: Any = json.loads(path.read_bytes())
        ran, marks = float(said["ran"]), [(float(ran), int(through)) for ran, through in said["marks"]]
        # Of a number without an end everything would be old at once, or nothing ever.
        if all(map(math.isfinite, (ran, *(marked for marked, _ in marks)))):
            return ran, marks
    return 0.0, []
