"""What a device tells of itself in its heartbeats, as far as it can be true. Pure.

A twin holds whatever a device has written into it. What comes out has the shape of
wire/heartbeat.py, and nothing else in it: known names, right kinds, bounded sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from pi_auto.wire.heartbeat import MOST_SCANNERS, STATUSES

_LONGEST = 256  # characters
_MOST = 32  # of anything
_Reader = Callable[[Any], Any]  # None for what cannot be


def told(reported: object) -> dict[str, Any]:
    """What the reported properties of a twin tell; what is missing or cannot be is left out."""
    return _object(_HEARTBEAT)(reported) or {}


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _depth(value: Any) -> int | None:
    number = _whole(value)
    return number if number is not None and number >= 0 else None


def _number(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and abs(value) < 2**53 and math.isfinite(value) else None


def _seconds(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _status(value: Any) -> str | None:
    return value if value in STATUSES else None


def _texts(value: Any) -> list[str] | None:
    found = [text for each in value[:_MOST] if (text := _text(each))] if isinstance(value, list) else []
    return found or None


def _names(value: Any) -> dict[str, str] | None:
    """Texts by names, such as the states of services."""
    pairs = list(value.items())[:_MOST] if isinstance(value, dict) else []
    return {str(name)[:_LONGEST]: text for name, each in pairs if (text := _text(each))} or None


def _object(readers: Mapping[str, _Reader]) -> _Reader:
    def read(value: Any) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            return None
        found = {}
        for name, reader in readers.items():  # ten thousand devices are listed at once: no more steps than these
            if (each := value.get(name)) is not None and (each := reader(each)) is not None:
                found[name] = each
        return found or None

    return read


def _scanners(value: Any) -> list[dict[str, str]] | None:
    found = [_SCANNER(each) for each in value[:MOST_SCANNERS]] if isinstance(value, list) else []
    return [each for each in found if each] or None


_SCANNER = _object(dict.fromkeys(("id", "name", "port", "standing", "layout", "layout_by", "calibrates"), _text))
_QUEUE = _object({"waiting": _depth, "oldest_age_seconds": _seconds})
_HEARTBEAT: Mapping[str, _Reader] = {
    "status": _status,
    "last_seen": _text,
    "uptime": _depth,
    "ip_addresses": _texts,
    "services": _names,
    "versions": _names,
    "scanners": _scanners,
    "queue": _object({"api": _QUEUE, "hub": _QUEUE, "trouble": _text}),
    "disk": _object({"free": _depth, "total": _depth, "percent": _depth}),
    "temperature": _number,
    "undervoltage": _object({"now": _flag, "since_boot": _flag}),
    "signal": _object({"interface": _text, "dBm": _whole, "percent": _depth}),
    "zone": _text,
    "update": _object({"version": _text, "step": _text, "reason": _text, "at": _text, "counter": _depth}),
    "clock": _object({"synced": _flag, "trust": _text, "offset_bound": _seconds}),
    "os_updates": _object({"on": _flag, "reboot": _flag, "last": _text}),
}
