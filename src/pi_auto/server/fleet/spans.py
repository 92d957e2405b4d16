"""How long a device was online, reckoned from signs of life as they come. Pure.

Between two signs of life it was online for as long as the page would have said so: three
heartbeats from the first of them at most. An end ends it at once. A sign from before the last
one counted changes nothing, so that events that come twice count once. Milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_DAY = 86_400_000
_AHEAD = 300_000  # a reckoning farther ahead than this is from a clock that has been put right since


@dataclass(frozen=True, slots=True)
class Span:
    """Counted up to `through`; online at that moment since `since`, or not if that is None."""

    through: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Online:
    """A stretch of time online."""

    begin: int
    end: int


def step(before: Span | None, at: int, now: int, most: int, *, alive: bool) -> tuple[Span, Online | None] | None:
    """The span after a sign of life, or of its end, at `at`, and what it adds; nothing where it tells nothing new.

    `most` is how long one sign of life is good for.
    """
    at = min(at, now)
    if before is None or before.through > now + _AHEAD:
        return Span(at, at if alive else None), None
    if at < before.through or (at == before.through and alive == (before.since is not None)):
        return None
    if before.since is None:
        return Span(at, at if alive else None), None
    good = before.through + most
    added = Online(before.through, min(at, good))
    if not alive:
        return Span(at, None), added
    return Span(at, before.since if at <= good else at), added


def by_day(online: Online) -> Iterator[tuple[str, int]]:
    """The stretch cut at midnight, UTC: the day, such as 2026-11-23, and how many milliseconds of it."""
    begin = online.begin
    while begin < online.end:
        end = min(online.end, (begin // _DAY + 1) * _DAY)
        yield day_of(begin), end - begin
        begin = end


def day_of(moment: int) -> str:
    """The day in UTC."""
    return datetime.fromtimestamp(moment / 1000, UTC).date().isoformat()
