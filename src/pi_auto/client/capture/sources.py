"""Where events come from: a device (or a FIFO in its place), or a recording played in real time.

A source is read by the reader thread alone and never blocks it. `read(now)` gives every event
up to `now`, and says whether it did: only then may silence be judged.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Protocol

from pi_auto.client.capture import evdev
from pi_auto.client.capture.events import EVENT_BYTES, EventStream, InputEvent
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.clock import boottime_ns
from pi_auto.wire.scan import Scanner

_READ_BYTES = EVENT_BYTES * 64  # what the kernel keeps for a reader
_MOST_READS = 16  # in one go, so that one scanner cannot keep the others waiting
_MOST_TEXT = 256
_BY_ID = Path("/dev/input/by-id")


class Source(Protocol):
    """What the reader asks of a scanner."""

    @property
    def scanner(self) -> Scanner:
        """Which scanner it is."""

    @property
    def path(self) -> Path:
        """What was opened."""

    @property
    def opened_at(self) -> int | None:
        """Since when its events are seen (ns, CLOCK_BOOTTIME); None if from its very first."""

    @property
    def known(self) -> bool:
        """Whether it is surely a scanner; else it is to be judged by its rhythm."""

    @property
    def held(self) -> frozenset[int]:
        """The keys that were down already when it was opened."""

    def fileno(self) -> int | None:
        """What to poll; None if nothing needs to be."""

    def due(self) -> int | None:
        """When the next event comes by itself (ns, CLOCK_BOOTTIME); None if that is not known."""

    def read(self, now: int) -> tuple[list[InputEvent], bool]:
        """The events up to `now`, and whether these were all. OSError if the scanner has gone."""

    def close(self) -> None:
        """Let go of it."""


class DeviceSource:
    """An event node or a FIFO. Opening one may take 50 ms, so it is not done by the reader.

    Raises what `evdev.open_device` raises.
    """

    def __init__(self, path: Path, keeping: Keeping | None = None, known: Container[str] | None = None) -> None:
        """`known` are the names that need no judging; None says that this one needs none."""
        self.path = path
        kept = keeping.take(path) if keeping else None
        self._descriptor = evdev.open_device(path) if kept is None else kept
        self.opened_at: int | None = boottime_ns()
        # Asking a kept descriptor for its keys would throw away those that wait in it.
        self.held = evdev.held_keys(self._descriptor) if kept is None else frozenset()
        self._stream = EventStream()
        try:
            self.scanner = _identify(path, self._descriptor)
        except BaseException:
            self.close()  # a grab that nobody reads would keep the device from the next try
            raise
        self.known = known is None or kept is not None or self.scanner.id in known
        if keeping and kept is None and self.known:
            keeping.keep(self._descriptor)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._descriptor

    def due(self) -> int | None:
        """Not known: keys come when they come."""
        return None

    def read(self, now: int) -> tuple[list[InputEvent], bool]:  # noqa: ARG002 - all that waits lies before it
        """All events that wait, if they are not too many at once."""
        events: list[InputEvent] = []
        for _ in range(_MOST_READS):
            try:
                events += self._stream.feed(os.read(self._descriptor, _READ_BYTES))
            except BlockingIOError:
                return events, True
        return events, False

    def close(self) -> None:
        """Close it, which also ends the grab."""
        os.close(self._descriptor)


class ReplaySource:
    """A recording, played with its own spacing and stamped anew. It begins at once and ends in silence."""

    opened_at: int | None = None
    held: frozenset[int] = frozenset()
    known = True

    def __init__(self, path: Path, events: Iterable[InputEvent]) -> None:
        self.path = path
        self.scanner = Scanner(_text(f"replay:{path.name}"), name="recording", port=_text(path))
        waiting = list(events)
        self._shift = boottime_ns() - waiting[0].time if waiting else 0
        self._waiting = deque(waiting)

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


def _identify(path: Path, descriptor: int) -> Scanner:
    if evdev.is_fifo(descriptor):
        return Scanner(_text(f"fifo:{path.name}"), name="virtual scanner", port=_text(path))
    _, vendor, product, _ = evdev.ids_of(descriptor)
    port = evdev.port_of(descriptor)
    by_id = _by_id(path) or f"usb-{vendor:04x}:{product:04x}-{evdev.serial_of(descriptor) or port}"
    return Scanner(_text(by_id), _text(evdev.name_of(descriptor)), _text(port))


def _by_id(path: Path) -> str | None:
    """The name that udev has given the device, which stays when event numbers change."""
    node = path.resolve()
    links = sorted(_BY_ID.glob("*")) if _BY_ID.is_dir() else []
    return next((link.name for link in links if link.resolve() == node), None)


def _text(value: str | Path) -> str:
    """A name as the wire takes it: valid Unicode, bounded."""
    return str(value).encode("utf-8", "replace").decode()[:_MOST_TEXT]
