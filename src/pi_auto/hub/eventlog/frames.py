"""How one record lies in a segment file: length, CRC-32, sequence number, bytes.

The CRC covers number and bytes, so that a record half written when the power went, or a
block that the disk never wrote, is told from a whole one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_HEAD = struct.Struct("<IIQ")
_LENGTH_AND_CRC = struct.Struct("<II")
_NUMBER = struct.Struct("<Q")
HEAD_SIZE = _HEAD.size
MOST_RECORD = 16 * 1024 * 1024  # telemetry is far smaller, a header names every connected device: more is damage


class Frame(NamedTuple):
    """A whole record found in a segment, and where the next one begins."""

    sequence: int
    record: bytes
    end: int


def pack(sequence: int, record: bytes) -> bytes:
    """A record as a segment holds it."""
    numbered = _NUMBER.pack(sequence) + record
    return _LENGTH_AND_CRC.pack(len(record), zlib.crc32(numbered)) + numbered


def unpack(data: bytes, start: int = 0) -> Iterator[Frame]:
    """The whole frames of `data` from `start`; ends before the first that is cut off or damaged."""
    while start + HEAD_SIZE <= len(data):
        length, crc, sequence = _HEAD.unpack_from(data, start)
        begin, end = start + HEAD_SIZE, start + HEAD_SIZE + length
        if length > MOST_RECORD or end > len(data):
            return
        record = data[begin:end]
        if _crc(sequence, record) != crc:
            return
        yield Frame(sequence, record, end)
        start = end


def _crc(sequence: int, record: bytes) -> int:
    return zlib.crc32(record, zlib.crc32(_NUMBER.pack(sequence)))
