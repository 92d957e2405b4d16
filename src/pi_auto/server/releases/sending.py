"""Sends a file, or parts of it, in small pieces; what is held of it in memory does not depend on its size.

It ends in time, whatever the reader does: who reads on asks for the rest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PIECE = 16 * 1024  # bytes; the web server holds up to 32 pieces of each response
LONGEST = 900.0  # seconds
Span = tuple[int, int]


class Sending:
    """The body of one answer: bytes as they are, and spans of the file.

    At its end, whatever that is, `ended` is told how many bytes of the file were not sent.
    """

    def __init__(self, file: Path, parts: Sequence[bytes | Span], ended: Callable[[int], None]) -> None:
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._ended, self._open = ended, True
        self._unsent = octets_of(parts)
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
            self._ended(self._unsent)

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
                self._unsent -= len(piece)
                yield piece


def octets_of(parts: Sequence[bytes | Span]) -> int:
    """How much of the file they are, in bytes."""
    return sum(part[1] - part[0] for part in parts if not isinstance(part, bytes))
