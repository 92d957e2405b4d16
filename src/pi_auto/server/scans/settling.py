"""How far a device's spool is settled through the API, and when to ask for records again.

A device sends its records in order of number, and drops its copies some days after we
settled them. A batch that begins beyond what these books hold means that the books are
older than the device's mark: they were restored from a backup, or are new. The batch is
booked, and the answer asks for the missing ones. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_ASKED = 3  # a device that answers as often with the same gap does not have them, or does not listen


@dataclass(frozen=True, slots=True)
class Progress:
    """Settled without a gap up to number `through`; the gap behind it was asked for `asked` times."""

    through: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a batch leaves a spool: the new progress, the number to send again from, the numbers given up."""

    progress: Progress
    resend_from: int | None = None
    lost: tuple[int, int] | None = None
    reason: str = ""


def settle(before: Progress, first: int, through: int, oldest: int) -> Step:
    """What a batch of numbers `first` to `through` means, of a device that still has `oldest` and up.

    Asking ends: after three answers with the same gap, the gap is given up and reported, so
    that a device whose records are truly gone is not sent back for ever.
    """
    reachable = max(before.through, min(oldest, first) - 1)
    lost = (before.through + 1, reachable) if reachable > before.through else None
    reason = f"the device keeps nothing below number {oldest} of its spool" if lost else ""
    if first <= reachable + 1:
        return Step(Progress(max(reachable, through)), None, lost, reason)
    if before.asked < MOST_ASKED:
        return Step(Progress(reachable, before.asked + 1), reachable + 1, lost, reason)
    given_up = (before.through + 1, first - 1)
    return Step(Progress(through), None, given_up, f"they were asked for {MOST_ASKED} times and did not come")
