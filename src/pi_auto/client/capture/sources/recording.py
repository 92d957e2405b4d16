"""A recording of keys, played with its own spacing and stamped anew. It begins at once and ends in silence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.finding.units import text
from pi_auto.client.capture.sources.keyboard import decoder_of
from pi_auto.client.capture.sources.source import Decoding
from pi_auto.client.capture.tuning import PLAIN
from pi_auto.client.clock import boottime_ns
from pi_auto.wire.scan import Scanner


class ReplaySource:
    """The events of a recording, as if just typed."""

    opened_at: int | None = None
    held: frozenset[int] = frozenset()
    caps = num = False
    known = True
    tuning = PLAIN

    def __init__(self, path: Path, events: Iterable[InputEvent]) -> None:
        self.path = path
        self.scanner = Scanner(text(f"replay:{path.name}"), name="recording", port=text(path))
        waiting = list(events)
        self._shift = boottime_ns() - waiting[0].time if waiting else 0
        self._waiting = deque(waiting)

    def decoder(self) -> Decoding:
        """A new decoder for its keys."""
        return decoder_of(self)

    def fileno(self) -> int | None:
        """Nothing: a recording has no descriptor."""
        return None

    def due(self) -> int | None:
        """When the next event is to be played."""
        return self._waiting[0].time + self._shift if self._waiting else None

    def read(self, now: int) -> tuple[list[InputEvent], bool]:
        """The events that are due by `now`."""
        events = []
        while self._waiting and self._waiting[0].time + self._shift <= now:
            event = self._waiting.popleft()
            events.append(event._replace(time=event.time + self._shift))
        return events, True

    def close(self) -> None:
        """Nothing to let go of."""
