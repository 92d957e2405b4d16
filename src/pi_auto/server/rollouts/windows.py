"""When a device may be updated: a maintenance window, in the device's own time zone. Pure.

A window may pass midnight; it belongs to the day on which it begins. Where the clocks are put
forward, the hour that is left out counts as the one behind it, as zoneinfo reckons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pi_auto.wire.errors import FieldError, shown

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OWN = "device"  # in place of a zone: each device's own
LEAST = 30  # minutes; devices ask hourly, and are told when a window opens
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")
_LOOKED_AT = 9  # days: a week, and what passes midnight at its ends
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """On these days (0: Monday) from `begins` to `ends`, minutes after midnight, where clocks show `zone`.

    Where that is OWN it opens and closes only once it is `at` a device's zone.
    """

    days: tuple[int, ...]
    begins: int
    ends: int
    zone: str

    @property
    def length(self) -> int:
        """Minutes that it is open."""
        return (self.ends - self.begins) % _DAY or _DAY

    def at(self, zone: str | None) -> Window:
        """The window of a device that tells this zone; UTC where it tells none, or one that nobody knows."""
        if self.zone != OWN:
            return self
        return replace(self, zone=zone if zone and is_zone(zone) else "UTC")

    def opening(self, now: datetime) -> tuple[datetime, datetime]:
        """When it opens next, or has opened if it is open, and when it closes then."""
        return next((begin, end) for begin, end in self._openings(now) if end > now)

    def is_open(self, now: datetime) -> bool:
        """Whether a device may be updated now."""
        return self.opening(now)[0] <= now

    def _openings(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.zone)
        first = now.astimezone(zone).date() - timedelta(days=1)
        for ahead in range(_LOOKED_AT + 1):
            day = first + timedelta(days=ahead)
            if day.weekday() in self.days:
                yield self._on(day, zone)

    def _on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        begin = datetime.combine(day, time(self.begins // 60, self.begins % 60), zone)
        end_day = day + timedelta(days=1) if self.ends <= self.begins else day
        end = datetime.combine(end_day, time(self.ends // 60, self.ends % 60), zone)
        return begin.astimezone(UTC), end.astimezone(UTC)

    def __str__(self) -> str:
        """The window as a person reads it."""
        zone = "by each device's own clock" if self.zone == OWN else self.zone
        return f"{written_days(self.days)} {_clock(self.begins)}-{_clock(self.ends)} {zone}"


def parse_window(days: str, begins: str, ends: str, zone: str) -> Window:
    """A window as an operator writes it. Raises FieldError."""
    window = Window(parse_days(days), _minutes(begins, "--from"), _minutes(ends, "--to"), zone)
    if zone != OWN and not is_zone(zone):
        raise FieldError("--zone", shown(zone), f"a time zone as IANA names it, such as Europe/Rome, or {OWN}")
    if window.length < LEAST:
        raise FieldError("--to", shown(ends), f"a window of {LEAST} minutes at least")
    return window


def is_zone(text: str) -> bool:
    """Whether it is a zone that is known here."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def parse_days(text: str) -> tuple[int, ...]:
    """Days as `mon-fri`, `sat,sun` or `all`. Raises FieldError."""
    if text == "all":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise FieldError("--days", shown(text), f"all, or some of {','.join(DAYS)}, or a span such as mon-fri")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return tuple(sorted(found))


def written_days(days: tuple[int, ...]) -> str:
    """Days as the books hold them."""
    return ",".join(DAYS[day] for day in days)


def _minutes(text: str, path: str) -> int:
    found = _CLOCK.match(text)
    if not found:
        raise FieldError(path, shown(text), "a time of day such as 02:30")
    return int(found[1]) * 60 + int(found[2])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
