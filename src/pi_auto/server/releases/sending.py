"""Sends a file, or parts of it, in small pieces; what is held of it in memory does not depend on its size.

Each download holds one of the server's threads for as long as it lasts, so that they have seats, of which
one device gets few; and it ends in time, whatever the reader does: who reads on asks for the rest.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

PIECE = 16 * 1024  # bytes; the web server holds up to 32 pieces of each response
MOST_AT_ONCE = 48  # of the server's threads
MOST_EACH = 2
LONGEST = 900.0  # seconds
Span = tuple[int, int]


class Seats:
    """Who downloads just now."""

    def __init__(self, most: int = MOST_AT_ONCE, each: int = MOST_EACH) -> None:
        self._most, self._each = most, each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, who: str) -> bool:
        """A seat, if there is one left for them."""
        with self._lock:
            if self._taken.total() >= self._most or self._taken[who] >= self._each:
                return False
            self._taken[who] += 1
            return True

    def leave(self, who: str) -> None:
        """Give it back."""
        with self._lock:
            self._taken[who] -= 1
            self._taken += Counter()  # forgets whoever has none


class Sending:
    """The body of one answer: bytes as they are, and spans of the file. Closing it gives the seat back."""

    def __init__(self, file: Path, parts: Sequence[bytes | Span], seats: Seats, who: str) -> None:
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._seats, self._who, self._open = seats, who, True
        self._pieces = self._read(parts)

    def __iter__(self) -> Iterator[bytes]:
        """Itself: it is sent once."""
        return self

    def __next__(self) -> bytes:
        """The next piece."""
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        """A body that nobody began to send has no other end."""
        self.close()

    def close(self) -> None:
        """Once, however often it is called."""
        if self._open:
            self._open = False
            os.close(self._file)
            self._seats.leave(self._who)

    def _read(self, parts: Sequence[bytes | Span]) -> Iterator[bytes]:
        until = time.monotonic() + LONGEST
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            at, stop = part
            while at < stop and time.monotonic() < until:
                piece = os.pread(self._file, min(PIECE, stop - at), at)
                if not piece:
                    raise OSError("the file has become shorter")
                at += len(piece)
                yield piece
