"""What the reader asks of a scanner, whatever kind it is of, and of what decodes its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pi_auto.client.capture.codes import Outcome
from pi_auto.client.capture.events import Part
from pi_auto.typed import Any, Protocol
from pi_auto.wire.scan import Scanner

MOST_READS = 16  # in one go, so that one scanner cannot keep the others waiting


class Decoding(Protocol):
    """Turns the parts of one source to codes."""

    def feed(self, part: Any, /) -> list[Outcome]:
        """What a part brings to light, in order; mostly nothing."""

    def overdue_at(self) -> int | None:
        """When silence will have ended the open code (ns, CLOCK_BOOTTIME); None if none is open."""

    def close_overdue(self, now: int, /) -> list[Outcome]:
        """What silence has ended by `now`, up to which all parts must have been fed."""

    @property
    def is_at_rest(self) -> bool:
        """Whether it stands between two codes."""

    def memory(self) -> dict[str, Any]:
        """What must be known to read on from here, at rest: plain data."""

    def recall(self, memory: dict[str, Any], /) -> None:
        """Read on from where another process has stopped, whose `memory` it is."""

    def guard(self, opened_at: int, /) -> None:
        """Take a code that begins soon after `opened_at` for one of which somebody else has read a part."""

    def finish(self) -> list[Outcome]:
        """The open code, when it is known that no more parts will come."""

    def cut_off(self, reason: str, time: int, /) -> list[Outcome]:
        """The loss of the open code, if there is one, when its parts stop coming before its end."""


class Source(Protocol):
    """One node of a scanner, opened."""

    @property
    def scanner(self) -> Scanner:
        """Which scanner it is; the same for all nodes of one."""

    @property
    def path(self) -> Path:
        """What was opened."""

    @property
    def known(self) -> bool:
        """Whether it is surely a scanner; else it is a keyboard, to be judged by its rhythm."""

    def decoder(self) -> Decoding:
        """A new decoder for its parts."""

    def fileno(self) -> int | None:
        """What to poll; None if nothing needs to be."""

    def due(self) -> int | None:
        """When the next part comes by itself (ns, CLOCK_BOOTTIME); None if that is not known."""

    def read(self, now: int) -> tuple[Sequence[Part], bool]:
        """The parts up to `now`, and whether these were all: only then may silence be judged.

        Raises OSError if it has gone.
        """

    def close(self) -> None:
        """Let go of it."""
