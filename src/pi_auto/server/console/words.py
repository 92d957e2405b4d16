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


def _coarse(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
