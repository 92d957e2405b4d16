from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from pi_auto.server.fleet.presence import Presence, is_flapping, presence

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Row:
    last_api_at: datetime | None = None
    last_heartbeat_at: datetime | None = None
    said_offline_at: datetime | None = None
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    reported: object = None


def ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("api", "heartbeat", "goodbye", "expected"),
    [
        (None, None, None, Presence.NEVER),
        (0, None, None, Presence.ONLINE),
        (None, 90, None, Presence.ONLINE),
        (None, 91, None, Presence.LATE),
        (None, 300, None, Presence.LATE),
        (None, 301, None, Presence.OFFLINE),
        (1, 301, None, Presence.ONLINE),  # the hub is down, the API is not
        (None, 5, 5, Presence.OFFLINE),  # the goodbye is itself a reported twin
        (10, 5, 5, Presence.OFFLINE),
        (2, 5, 5, Presence.ONLINE),  # back again
        (None, 1, 5, Presence.ONLINE),
        (None, -60, None, Presence.ONLINE),  # the hub's clock is ahead of ours
        (-86400, 5, None, Presence.ONLINE),  # a clock was a day ahead once, and says nothing
        (-86400, 301, None, Presence.OFFLINE),
        (-86400, -86400, None, Presence.OFFLINE),
        (None, 5, -86400, Presence.ONLINE),
    ],
)
def test_presence_follows_from_the_last_contacts(
    api: float | None, heartbeat: float | None, goodbye: float | None, expected: Presence
) -> None:
    assert presence(Row(ago(api), ago(heartbeat), ago(goodbye)), NOW, 30) is expected


@pytest.mark.parametrize(
    ("connected", "disconnected", "heartbeat", "api", "expected"),
    [
        (1, None, None, None, Presence.ONLINE),  # connected, and has not reported yet
        (400, None, 5, None, Presence.ONLINE),
        (400, None, 100, None, Presence.LATE),  # the connection holds, and nothing is said
        (400, None, 400, None, Presence.OFFLINE),  # a connect that nothing followed does not last for ever
        (400, 5, 6, None, Presence.LATE),  # gone, and maybe back in a moment
        (400, 150, 160, None, Presence.LATE),
        (400, 151, 160, None, Presence.OFFLINE),
        (400, 100, 390, None, Presence.OFFLINE),
        (400, 5, 6, 2, Presence.ONLINE),  # the hub is gone, the API hears of it
        (400, -86400, 6, None, Presence.ONLINE),  # said by a clock that was ahead
    ],
)
def test_presence_follows_from_connections_too(
    connected: float, disconnected: float | None, heartbeat: float | None, api: float | None, expected: Presence
) -> None:
    row = Row(ago(api), ago(heartbeat), None, ago(connected), ago(disconnected))
    assert presence(row, NOW, 30) is expected


@pytest.mark.parametrize(
    ("acknowledged", "expected"),
    [
        ({"value": 600, "version": 3, "status": 200}, Presence.ONLINE),
        ({"value": 600, "version": 3, "status": 400}, Presence.OFFLINE),
        ({"value": "600", "status": 200}, Presence.OFFLINE),
        ({"value": 10**9, "status": 200}, Presence.OFFLINE),
        ({"value": True, "status": 200}, Presence.OFFLINE),
        ("600", Presence.OFFLINE),
    ],
)
def test_a_device_with_an_interval_of_its_own_is_judged_by_that(acknowledged: object, expected: Presence) -> None:
    row = Row(None, ago(1700), None, reported={"settings": {"heartbeat_interval": acknowledged}})
    assert presence(row, NOW, 30) is expected


@pytest.mark.parametrize(
    ("connects", "expected"),
    [
        ([], False), (None, False), ("x", False), (["x"] * 9, False),
        ([1, 2, 3, 4], False),
        ([1, 2, 3, 4, 5], True),
        ([1, 2, 3, 4, 599], True),
        ([1, 2, 3, 4, 600], False),
        ([-1, -2, -3, -4, -5, -6], False),  # by a clock that was ahead
    ],
)  # fmt: skip
def test_many_connects_within_ten_minutes_are_a_link_that_does_not_hold(connects: object, expected: bool) -> None:
    moments = connects
    if isinstance(connects, list):
        moments = [each if isinstance(each, str) else int((NOW.timestamp() - each) * 1000) for each in connects]
    assert is_flapping(moments, NOW) is expected
