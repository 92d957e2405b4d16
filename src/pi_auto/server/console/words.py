"""Times in words: how long something lasted or is past, and a moment in full. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta


def exactly(moment: datetime) -> str:
    """A moment in full, such as `2026-11-23 17:33:00.123 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def lasting(span: timedelta) -> str:
    """A span in a few characters: `35 ms`, `1.2 s`, `5 min`, `3 h`, `2 days`."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return _coarse(seconds)


def ago(span: timedelta) -> str:
    """How long ago, in the same words as `ago` in live.js."""
    seconds = span.total_seconds()
    return "just now" if seconds < 1 else f"{_coarse(seconds)} ago"


def span(seconds: int) -> str:
    """How long, in its two largest units: `42 s`, `5 min`, `3 h 20 min`, `12 d 4 h`."""
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2880:
        return _two(minutes // 60, "h", minutes % 60, "min")
    return _two(minutes // 1440, "d", minutes % 1440 // 60, "h")


def _two(large: int, of: str, small: int, of_those: str) -> str:
    return f"{large} {of} {small} {of_those}" if small else f"{large} {of}"


def size(octets: int) -> str:
    """So many bytes in the largest unit that fits: `512 MiB`, `28.4 GiB`."""
    for unit, power in (("TiB", 4), ("GiB", 3), ("MiB", 2), ("KiB", 1)):
        if octets >= 1024**power:
            return f"{octets / 1024**power:.3g} {unit}"
    return f"{octets} bytes"


def _coarse(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
