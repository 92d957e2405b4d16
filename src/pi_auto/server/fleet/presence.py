"""Whether a device is there, worked out when somebody looks and never stored.

In go moments: the last call of the API, the last heartbeat, the newest connect and disconnect
in the hub's own order, the goodbye. A stored "online" does not expire: kill or power loss would
leave a device online for ever. A time in the future does not expire either: it was noted by a
clock that has been put right since, and says nothing. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pi_auto.server.fleet.pace import own_interval

LATE_AFTER = 3  # heartbeats missed in a row
OFFLINE_AFTER = 10
BACK_WITHIN = 150  # seconds: after a hub's restart devices come back spread over 120
FLAPS = 5  # connects within FLAP_WINDOW are a device whose link does not hold
FLAP_WINDOW = timedelta(minutes=10)


class Presence(StrEnum):
    """What is known of a device's presence."""

    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"
    NEVER = "never"


class Contacts(Protocol):
    """What of a device's row presence follows from."""

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

    @property
    def connected_at(self) -> datetime | None:
        """The newest connect at the hub."""
        ...

    @property
    def disconnected_at(self) -> datetime | None:
        """The disconnect behind that, if there was one."""
        ...

    @property
    def reported(self) -> Any:
        """The reported properties; the device's own heartbeat interval may be among them."""
        ...


def last_contact(row: Contacts) -> datetime | None:
    """When the device was last heard of, by either way."""
    return max(_contacts(row), default=None)


def presence(row: Contacts, now: datetime, heartbeat_interval: float) -> Presence:
    """What its row says of a device; `heartbeat_interval` in seconds, where it has none of its own."""
    contacts = _contacts(row)  # asked of each of ten thousand devices: nothing here is done twice
    if not contacts:
        return Presence.NEVER
    interval = own_interval(row.reported) or heartbeat_interval
    by_now = now + timedelta(seconds=LATE_AFTER * interval)
    past = [moment for moment in contacts if moment <= by_now]
    seen = max(past) if past else None
    if seen is None or _ended(row.said_offline_at, seen, by_now):
        return Presence.OFFLINE
    silent = (now - seen).total_seconds()
    if silent > OFFLINE_AFTER * interval:
        return Presence.OFFLINE
    if _ended(row.disconnected_at, seen, by_now):
        return Presence.OFFLINE if _since(row.disconnected_at, now) > BACK_WITHIN else Presence.LATE
    return Presence.ONLINE if silent <= LATE_AFTER * interval else Presence.LATE


def is_flapping(connects: object, now: datetime) -> bool:
    """Whether the link of a device does not hold; `connects` are its newest ones, in milliseconds since 1970."""
    moments = connects if isinstance(connects, list) else []
    until = now.timestamp() * 1000
    since = until - FLAP_WINDOW.total_seconds() * 1000
    return sum(isinstance(each, int) and since < each <= until for each in moments) >= FLAPS


def _contacts(row: Contacts) -> list[datetime]:
    return [moment for moment in (row.last_api_at, row.last_heartbeat_at, row.connected_at) if moment]


def _ended(moment: datetime | None, seen: datetime, by_now: datetime) -> bool:
    """Whether this is an end that nothing has been heard behind."""
    return moment is not None and seen <= moment <= by_now


def _since(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment else 0.0
