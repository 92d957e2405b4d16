"""What the marks say, for those who only read them beside the agent: how far a spool is settled.

Capture asks, and the agent, which the network reaches, could have put anything in their place: a pipe that nobody
writes to, a view that never ends, a value that takes all memory. So a question is bounded, and a thread of its own
asks it, for which nobody waits longer than it may take. What is no number says nothing, and ends nobody.
"""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

from pi_auto.client.spool.destinations import DESTINATIONS, known
from pi_auto.client.spool.marks_database import open_to_read
from pi_auto.typed import Any

_PATIENCE = 5.0  # seconds for one question, which takes a few milliseconds
_MOST_STEPS = 1_000_000  # of SQLite's machine; some hundreds are enough
_MOST_VALUE = 100_000  # bytes
_asking = threading.Lock()


def settled_everywhere(path: Path, spool: str) -> int | None:
    """The number up to which every active destination has settled a spool; None if that is not known.

    For the capture process, which must prune nothing while it is not known. Reads only.
    """
    question = (
        "SELECT count(*), sum(active), min(CASE WHEN active THEN coalesce(through, 0) END) FROM destinations "
        "LEFT JOIN marks ON destination = name AND spool = ?"
    )
    if (row := _asked(path, question, (spool,))) is None:
        return None
    known, active, lowest = row
    return lowest if known == len(DESTINATIONS) and active and isinstance(lowest, int) else None


def settled_at(path: Path, destination: str, spool: str) -> int:
    """The number up to which a spool is settled at a destination; 0 if none is known. Reads only."""
    question = "SELECT through FROM marks WHERE destination = ? AND spool = ?"
    return _number(path, question, (known(destination), spool))


def acknowledged(path: Path, spool: str) -> int:
    """The highest number of a spool that any destination has settled; 0 if none is known. Reads only."""
    return _number(path, "SELECT max(through) FROM marks WHERE spool = ?", (spool,))


def _number(path: Path, question: str, values: tuple[str, ...]) -> int:
    row = _asked(path, question, values)
    return row[0] if row and isinstance(row[0], int) else 0


def _asked(path: Path, question: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
    """The row that answers; None where there is none, or where it is not had in time."""
    answer: list[tuple[Any, ...]] = []
    if not _asking.acquire(timeout=_PATIENCE):
        return None  # a question before it has never ended; one thread is enough to wait for that
    threading.Thread(target=_ask, args=(path, question, values, answer), daemon=True).start()
    if _asking.acquire(timeout=_PATIENCE):
        _asking.release()
    return answer[0] if answer else None


def _ask(path: Path, question: str, values: tuple[str, ...], answer: list[tuple[Any, ...]]) -> None:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        with closing(open_to_read(path)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE)
            connection.set_progress_handler(lambda: 1, _MOST_STEPS)
            answer += connection.execute(question, values).fetchmany(1)
    except (sqlite3.Error, OSError, MemoryError):
        return
    finally:
        _asking.release()
