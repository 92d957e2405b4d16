"""A scanner that types: an event node, or a FIFO in its place. Decoders for keys are made here alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path

from pi_auto.client.capture import evdev
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import EVENT_BYTES, EventStream, InputEvent
from pi_auto.client.capture.finding.units import text
from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.capture.sources.opened import OpenedDevice
from pi_auto.client.capture.sources.source import MOST_READS
from pi_auto.client.capture.tuning import PLAIN, Tuning
from pi_auto.typed import Any, Protocol
from pi_auto.wire.scan import Scanner

_READ_BYTES = EVENT_BYTES * 64  # what the kernel keeps for a reader


class Keys(Protocol):
    """What a decoder of keys has to know of its keyboard."""

    @property
    def opened_at(self) -> int | None:
        """Since when its events are seen (ns, CLOCK_BOOTTIME); None if from its very first."""

    @property
    def held(self) -> frozenset[int]:
        """The keys that were down already when it was opened."""

    @property
    def caps(self) -> bool:
        """Whether its Caps Lock was on."""

    @property
    def num(self) -> bool:
        """Whether its Num Lock was on."""

    @property
    def tuning(self) -> Tuning:
        """How they are to be read."""


def decoder_of(keys: Keys) -> Decoder:
    """A decoder for what a keyboard types."""
    how = keys.tuning
    return Decoder(
        how.layout, how.habits, opened_at=keys.opened_at, held=keys.held, caps=keys.caps,
        calibratable=how.calibratable,
    )  # fmt: skip


class KeyboardSource(OpenedDevice):
    """Opens one. Raises what `evdev.open_device` raises."""

    def __init__(
        self,
        path: Path,
        scanner: Scanner | None = None,
        keeping: Keeping | None = None,
        known: Container[str] | None = None,
        tune: Callable[[str], Tuning] = lambda _: PLAIN,
    ) -> None:
        """`known` are ids that need no judging; None: this one needs none. `tune`: how to read an id's keys."""
        kept = keeping.take(path) if keeping else None
        descriptor = evdev.open_device(path) if kept is None else kept
        try:
            super().__init__(path, scanner or _named(path, descriptor), descriptor, is_kept=kept is not None)
            # Asking a kept descriptor for its keys would throw away those that wait in it.
            self.held = frozenset() if self.is_kept else evdev.held_keys(descriptor)
            self.caps, self.num = evdev.locks_of(path)
        except BaseException:
            os.close(descriptor)  # a grab that nobody reads would keep the device from the next try
            raise
        self._stream = EventStream()
        is_judged = self.is_kept and keeping is not None and path not in keeping.unjudged
        self.known = known is None or is_judged or self.scanner.id in known
        self.tuning = tune(self.scanner.id)
        if self.known:
            self.keep(keeping)

    def decoder(self) -> Decoder:
        """A new decoder for its keys."""
        return decoder_of(self)

    def memory(self) -> list[Any]:
        """What has come of an event that is not whole: of a FIFO alone."""
        return [self._stream.rest.hex()]

    def recall(self, memory: list[Any]) -> None:
        """Its rest is read here."""
        self._stream.rest = bytes.fromhex(memory[0])

    def read(self, now: int) -> tuple[list[InputEvent], bool]:  # noqa: ARG002 - all that waits lies before it
        """All events that wait, if they are not too many at once."""
        events: list[InputEvent] = []
        for _ in range(MOST_READS):
            try:
                events += self._stream.feed(os.read(self._descriptor, _READ_BYTES))
            except BlockingIOError:
                return events, True
        return events, False


def _named(path: Path, descriptor: int) -> Scanner:
    """A device of which /sys tells nothing, by what it says itself."""
    if evdev.is_fifo(descriptor):
        return Scanner(text(f"fifo:{path.name}"), name="virtual scanner", port=text(path))
    _, vendor, product, _ = evdev.ids_of(descriptor)
    port = evdev.port_of(descriptor)
    name = f"usb-{vendor:04x}:{product:04x}-{evdev.serial_of(descriptor) or port}"
    return Scanner(text(name), text(evdev.name_of(descriptor)), text(port))
