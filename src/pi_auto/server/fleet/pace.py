"""How often a device is expected to report: what the fleet has set for it alone, else what all are told. Pure."""

from __future__ import annotations

from sqlalchemy import Connection

USUAL = 30  # seconds, where a server has not said otherwise
_SHORTEST, _LONGEST = 1, 86400
_KEY = "pi_auto_heartbeat_interval"


def set_usual(connection: Connection, seconds: int) -> None:
    """Tell the writing connection how often devices report, as `start_numbering` tells it of the changes."""
    connection.info[_KEY] = seconds


def usual(connection: Connection) -> int:
    """Seconds between the heartbeats of a device that has no interval of its own."""
    return int(connection.info.get(_KEY, USUAL))


def own_interval(reported: object) -> int | None:
    """The interval in seconds that a device has acknowledged to be its own; none if it has none that can be."""
    settings = reported.get("settings") if isinstance(reported, dict) else None
    said = settings.get("heartbeat_interval") if isinstance(settings, dict) else None
    value = said.get("value") if isinstance(said, dict) and said.get("status") == 200 else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if _SHORTEST <= value <= _LONGEST else None
