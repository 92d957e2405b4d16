"""How moments are written between device, server and hub: RFC 3339, UTC, milliseconds, a `Z` at the end."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """A moment as the wire writes it, such as `2026-11-23T17:33:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def time_or_none(moment: datetime | None) -> str | None:
    """The same, of a moment that there may not be."""
    return format_time(moment) if moment else None


def parse_time(text: str) -> datetime | None:
    """The moment that a text names, in UTC; nothing if it names none. A time without a zone is taken as UTC."""
    if len(text) > len("2026-11-23T17:33:00.123456789+00:00"):
        return None
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
