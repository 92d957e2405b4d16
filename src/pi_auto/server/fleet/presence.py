"""Whether a device is there, worked out when somebody looks and never stored.

A stored "online" does not expire: kill or power loss would leave a device online for ever.
A time in the future does not expire either: it was noted by a clock that has been put right
since, and says nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

LATE_AFTER = 3  # heartbeats missed in a row
OFFLINE_AFTER = 10


class Presence(StrEnum):
    """What is known of a device's presence."""

    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"
    NEVER = "never"


class Contacts(Protocol):
    """The times of a device's row that presence follows from."""

    @property
    def last_api_at(self) -> datetime | None:
        """Last authenticated call."""
        ...

    @property
    def last_heartbeat_at(self) -> datetime | None:
        """Last reported twin."""
        ...

    @property
    def said_offline_at(self) -> datetime | None:
        """The clean goodbye."""
        ...


def last_contact(row: Contacts) -> datetime | None:
    """When the device was last heard of, by either way."""
    return max((moment for moment in (row.last_api_at, row.last_heartbeat_at) if moment), default=None)


def presence(row: Contacts, now: datetime, heartbeat_interval: float) -> Presence:
    """What the times of its row say of a device; `heartbeat_interval` in seconds."""
    if last_contact(row) is None:
        return Presence.NEVER
    by_now = now + timedelta(seconds=LATE_AFTER * heartbeat_interval)
    seen = max(
        (moment for moment in (row.last_api_at, row.last_heartbeat_at) if moment and moment <= by_now),
        default=None,
    )
    if seen is None or (row.said_offline_at and seen <= row.said_offline_at <= by_now):
        return Presence.OFFLINE
    silent = (now - seen).total_seconds()
    if silent <= LATE_AFTER * heartbeat_interval:
        return Presence.ONLINE
    return Presence.LATE if silent <= OFFLINE_AFTER * heartbeat_interval else Presence.OFFLINE
