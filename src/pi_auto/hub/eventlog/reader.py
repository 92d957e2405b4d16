"""Reads the log from any sequence number on, in pieces of bounded size.

Nothing is kept between two pieces but a place in a file, so that a slow reader costs the
hub no memory. It never looks behind the newest durable event that it is told of.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pi_auto.hub.eventlog import frames
from pi_auto.hub.eventlog.record import decode, to_event
from pi_auto.hub.eventlog.segments import Segment, body_offset, segments

PIECE = 256 * 1024  # bytes read at once
logger = logging.getLogger("pi_auto.hub")


class EventReader:
    """A place in the log. `after` is the sequence number of the last event handed out."""

    def __init__(self, folder: Path, after: int) -> None:
        self.after = after
        self._folder = folder
        self._segment: Segment | None = None
        self._offset = 0

    def lines(self, durable: int) -> bytes:
        """The next events up to `durable` as lines of JSON, a piece at a time; empty when there are none."""
        lines: list[bytes] = []
        while not lines and self.after < durable:
            found = self._piece()
            lines = [
                to_event(frame.sequence, decode(frame.record)).to_line()
                for frame in found
                if self.after < frame.sequence <= durable
            ]
            self._advance(found, durable)
        return b"".join(lines)

    def _piece(self) -> list[frames.Frame]:
        """Whole frames from the present place on; none at the end of a segment or before damage."""
        segment = self._segment or self._open(self._containing(self.after + 1))
        try:
            file = segment.path.open("rb")
        except FileNotFoundError:  # deleted meanwhile: all of it was acknowledged
            self._segment = None
            return self._piece()
        with file:
            file.seek(self._offset)
            data = file.read(PIECE)
            if len(data) >= frames.HEAD_SIZE:
                whole = frames.HEAD_SIZE + min(int.from_bytes(data[:4], "little"), frames.MOST_RECORD)
                data += file.read(max(0, whole - len(data)))
        return list(frames.unpack(data))

    def _advance(self, found: list[frames.Frame], durable: int) -> None:
        taken = [frame for frame in found if frame.sequence <= durable]
        if taken:
            self._offset += taken[-1].end
            self.after = max(self.after, taken[-1].sequence)
        else:
            self._next_segment(durable)

    def _next_segment(self, durable: int) -> None:
        """Go on behind a finished segment, or behind damage in one: what is readable is never held back."""
        here = self._segment
        if here is None:
            return
        later = [segment for segment in segments(self._folder) if segment.first > here.first]
        if not later:
            self._stop_at_end(here, durable)
            return
        if self.after + 1 < later[0].first and self._offset < here.path.stat().st_size:
            logger.error(
                "%s is damaged: events %d to %d cannot be read", here.path, self.after + 1, later[0].first - 1
            )
        self._open(later[0])

    def _stop_at_end(self, here: Segment, durable: int) -> None:
        if here.first <= durable:
            raise ValueError(f"{here.path} is damaged: events after {self.after} cannot be read")
        self.after = durable  # a log begun anew: what was before it is gone

    def _containing(self, sequence: int) -> Segment:
        """The segment that holds an event, or else the oldest that is left."""
        known = segments(self._folder)
        holding = [segment for segment in known if segment.first <= sequence]
        return holding[-1] if holding else known[0]

    def _open(self, segment: Segment) -> Segment:
        try:
            self._offset = body_offset(segment)
        except ValueError as error:
            logger.error("%s; it is passed over", error)  # noqa: TRY400 - the sentence says it all
            self._offset = segment.path.stat().st_size
        self._segment = segment
        return segment
