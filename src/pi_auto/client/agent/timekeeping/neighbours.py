"""What is known of a boot whose clock was never set, from the boots on both sides of it. Pure.

It began after the one before had ended, and had ended when the next began. What stays unknown
is how long the device was switched off, and half of that is how far the middle may be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pi_auto.client.agent.timekeeping.boots import EPOCH, Boot, drift
from pi_auto.client.spool.reader import SeenBoot

# Up to here the kernel calls a clock set (<linux/timex.h>, NTP_PHASE_LIMIT): all that a stamp says of it.
MOST_OFF_MS = 16_000
_MS = 1_000_000


def inferred(boots: Sequence[Boot]) -> list[Boot]:
    """The boots with an offset that was never measured, as far as measured ones lie on both sides of them.

    `boots` are in their order. Neighbours that contradict each other say nothing.
    """
    latest = _latest_beginnings(boots)
    found = []
    ended: int | None = None  # ns since 1970: no later boot began before
    for boot in boots:
        if boot.offset_ns is not None:
            ended = boot.offset_ns + boot.until_ns - boot.error_ns(boot.until_ns)
        elif ended is not None:
            if (begun := latest.get(boot.id)) is not None and ended <= begun:
                found.append(_between(boot, ended, begun))
            ended += boot.until_ns - drift(boot.until_ns)
    return found


def in_order(noted: Sequence[Boot], seen: Sequence[SeenBoot]) -> list[Boot]:
    """One row of boots out of two: those that the agent noted, and those of which the spool holds records.

    Both are in order. Where each has boots of its own between two that both know, nobody can tell which
    came first, and those of the agent are left out: records matter more. The last that it noted is this one.
    """
    rows = {row.id: (place, row) for place, row in enumerate(noted)}
    order: list[Boot] = []
    at, alone = 0, False  # how far the agent's are taken; whether the spool has had one of its own since
    for boot in seen:
        place, row = rows.get(boot.id, (-1, Boot(boot.id)))
        if place >= at:
            order += [] if alone else noted[at:place]
            at = place + 1
        alone = place < 0
        order.append(_with_records(row, boot))
    return [*order, *(noted[max(at, len(noted) - 1) :] if alone else noted[at:])]


def _latest_beginnings(boots: Sequence[Boot]) -> dict[str, int]:
    """By when each boot must have begun (ns since 1970), so that all of it fits in before the next."""
    found = {}
    begun: int | None = None
    for boot in reversed(boots):
        if boot.offset_ns is not None:
            begun = boot.offset_ns + boot.error_ns(0)
        elif begun is not None:
            begun -= boot.until_ns - drift(boot.until_ns)
            found[boot.id] = begun
    return found


def _between(boot: Boot, least: int, most: int) -> Boot:
    half = (most - least) // 2
    return replace(boot, offset_ns=least + half, measured_ns=0, error_ms=-(-half // _MS))


def _with_records(row: Boot, seen: SeenBoot) -> Boot:
    """A boot with what its records add to what the agent has noted."""
    row = replace(row, until_ns=max(row.until_ns, seen.until_ns))
    if row.offset_ns is not None or seen.trusted is None:
        return row
    stamp = seen.trusted
    offset = (stamp.wall_time - EPOCH) // timedelta(microseconds=1) * 1000 - stamp.boottime_ns
    return replace(row, offset_ns=offset, measured_ns=stamp.boottime_ns, error_ms=MOST_OFF_MS)
