from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from pi_auto.server.fleet.presence import Presence, presence

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Row:
    last_api_at: datetime | None = None
    last_heartbeat_at: datetime | None = None
    said_offline_at: datetime | None = None


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
