"""What was typed on a virtual Pi, and what the emulator did meanwhile: so that its faults are told from ours.

The emulator throws keys away when the guest is too slow for them, and says so. When this machine
gives it no processor for a while, the guest sees a pause inside a code, and a pause ends a code: it
comes out in pieces. The kernel counts how long a process had to wait. Nothing else is an excuse:
a text that was not typed, or came twice, is the product's fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

STALL = 0.040  # seconds without a processor, of all the emulator's threads together, within one code


@dataclass(frozen=True, slots=True)
class Health:
    """What the emulator had suffered up to a moment: keys thrown away, seconds without a processor."""

    dropped: int
    starved: float


@dataclass(frozen=True, slots=True)
class Typed:
    """A code, and how the emulator was before and after it."""

    text: str
    before: Health
    after: Health

    @property
    def starved(self) -> bool:
        """Whether it may have come out in pieces."""
        return self.after.starved - self.before.starved >= STALL

    @property
    def dropped(self) -> bool:
        """Whether keys of it were thrown away by the emulator."""
        return self.after.dropped > self.before.dropped


def damaged(stored: Iterable[str], typed: list[Typed]) -> tuple[list[str], int]:
    """The stored texts that nothing excuses, and how many the emulator's faults do excuse."""
    surplus = list((Counter(stored) - Counter(each.text for each in typed)).elements())
    guilty = sorted(text for text in surplus if not _is_excused(text, typed))
    return guilty, len(surplus) - len(guilty)


def _is_excused(text: str, typed: list[Typed]) -> bool:
    for place, each in enumerate(typed):
        run = each.text + (typed[place + 1].text if place + 1 < len(typed) else "")
        if each.starved and text in each.text and text != each.text:
            return True
        if (
            each.dropped and len(text) < len(run) and _is_what_is_left(text, run)
        ):  # Enter may be among what is gone
            return True
    return False


def _is_what_is_left(text: str, run: str) -> bool:
    rest = iter(run)
    return all(char in rest for char in text)
