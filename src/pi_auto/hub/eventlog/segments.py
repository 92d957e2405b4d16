"""The files of the log: one segment after another, each named by the first sequence number in it.

A segment opens with a header that says which devices were connected when it was begun,
so that a hub that was killed can tell from one segment whom it has to declare gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pi_auto.files import write_whole
from pi_auto.hub.eventlog import frames, record
from pi_auto.wire import hublink

_SUFFIX = ".events"
_MAGIC = b"PIAUTO-EVENTS-1\n"


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log; `first` is the lowest sequence number that it may hold."""

    path: Path
    first: int

    @classmethod
    def of(cls, folder: Path, first: int) -> Self:
        """The one that begins with that number, whether or not it is there."""
        return cls(folder / f"{first:020d}{_SUFFIX}", first)


@dataclass(slots=True)
class Contents:
    """What a whole read of a segment finds: its newest event (`first` - 1 if none), where good data ends."""

    newest: int
    end: int
    connected: set[str]


def segments(folder: Path) -> list[Segment]:
    """The segments of a log, oldest first."""
    found = (path for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())
    return sorted((Segment(path, int(path.stem)) for path in found), key=lambda segment: segment.first)


def begin(segment: Segment, connected: Iterable[str]) -> None:
    """Make a new segment, whole and durable before anything is written to it."""
    write_whole(segment.path, _MAGIC + frames.pack(0, json.dumps(sorted(connected)).encode()), mode=0o600)


def survey(segment: Segment) -> Contents:
    """Read a segment through. Raises ValueError if its header is damaged."""
    data = segment.path.read_bytes()
    contents = _header(segment, data)
    for frame in frames.unpack(data, contents.end):
        contents.newest, contents.end = frame.sequence, frame.end
        _note_presence(contents.connected, frame.record)
    return contents


def body_offset(segment: Segment) -> int:
    """Where the first event of a segment lies. Raises ValueError if its header is damaged."""
    with segment.path.open("rb") as file:
        head = file.read(len(_MAGIC) + frames.HEAD_SIZE)
        length = int.from_bytes(head[len(_MAGIC) : len(_MAGIC) + 4], "little")
        return _header(segment, head + file.read(min(length, frames.MOST_RECORD))).end


def _header(segment: Segment, data: bytes) -> Contents:
    if data.startswith(_MAGIC):
        for frame in frames.unpack(data, len(_MAGIC)):
            return Contents(segment.first - 1, frame.end, set(json.loads(frame.record)))
    raise ValueError(f"{segment.path} does not begin as a segment of the event log")


def _note_presence(connected: set[str], stored: bytes) -> None:
    kind = record.kind_of(stored)
    if kind == hublink.CONNECTED:
        connected.add(record.decode(stored).device_id)
    elif kind == hublink.DISCONNECTED:
        connected.discard(record.decode(stored).device_id)
