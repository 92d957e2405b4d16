"""What a starting hub finds of its log: where it ends, whom it left connected, what has to be mended.

After a kill or a power cut the last segment may end in a record that was half written.
No one was ever told of that one, so it is cut off and its number is given again; what was
cut is kept beside the segment for a person to look at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pi_auto.files import write_whole
from pi_auto.hub.eventlog import frames
from pi_auto.hub.eventlog.segments import Contents, Segment, begin, segments, survey

logger = logging.getLogger("pi_auto.hub")


@dataclass(frozen=True, slots=True)
class Found:
    """The segment to go on with, where its good data ends, its newest event, devices still marked connected."""

    segment: Segment
    end: int
    newest: int
    connected: frozenset[str]


def recover(folder: Path, acknowledged: int) -> Found:
    """Find the end of the log in `folder`, or begin one.

    A new number is never one that the server has acknowledged, even if the log is lost:
    the server would take the event for one that it has booked.
    """
    for stale in folder.glob(".*.tmp"):
        stale.unlink()
    known = segments(folder)
    if not known:
        return _begun(folder, acknowledged + 1)
    try:
        contents = survey(known[-1])
    except ValueError as error:
        return _begun_after_damage(known[-1], acknowledged, error)
    _keep_torn(known[-1], contents)
    if contents.newest < acknowledged:
        logger.error("the event log ends at %d, but %d was acknowledged", contents.newest, acknowledged)
        return _begun(folder, acknowledged + 1, contents.connected)
    return Found(known[-1], contents.end, contents.newest, frozenset(contents.connected))


def _begun(folder: Path, first: int, connected: set[str] | frozenset[str] = frozenset()) -> Found:
    segment = Segment.of(folder, first)
    begin(segment, connected)
    return Found(segment, segment.path.stat().st_size, first - 1, frozenset(connected))


def _begun_after_damage(segment: Segment, acknowledged: int, error: ValueError) -> Found:
    """Go on after a segment that cannot be read, with unused numbers, even if it was cut short."""
    kept = segment.path.rename(segment.path.with_suffix(".damaged"))
    logger.error("%s; it is kept as %s and the log goes on behind it", error, kept)
    unused = segment.first + kept.stat().st_size // frames.HEAD_SIZE
    return _begun(segment.path.parent, max(unused, acknowledged + 1))


def _keep_torn(segment: Segment, contents: Contents) -> None:
    torn = segment.path.read_bytes()[contents.end :]
    if not torn:
        return
    logger.warning(
        "the event log ended in %d bytes of an unfinished record after event %d; cut off and %s",
        len(torn), contents.newest, _kept(segment.path.with_suffix(".torn"), torn),
    )  # fmt: skip


def _kept(path: Path, torn: bytes) -> str:
    """What became of it. A full disk, which may be why it was torn, must not keep the hub from starting."""
    try:
        write_whole(path, torn, mode=0o600)
    except OSError as error:
        return f"not kept as {path}: {error.strerror}"
    return f"kept as {path}"
