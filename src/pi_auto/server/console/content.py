"""What a page holds, or what has become of it since: the three lists as views, read in one look at the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from pi_auto.server.console.device_views import DeviceView, IncidentView, device_view, incident_view
from pi_auto.server.console.queries import PageFilter, Since, incidents_after, moved_devices, scans_after
from pi_auto.server.console.scan_views import ScanView, scan_view
from pi_auto.server.fleet.queries import TimeOnline, times_online

INCIDENT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows: every change up to `after`, presences as of `at` (milliseconds since 1970).

    `NOTHING` is what an empty page shows; `at` is None where the moment is not known.
    """

    after: int
    at: int | None = None


NOTHING = Seen(-1)


@dataclass(frozen=True, slots=True)
class Content:
    """The lists of a page, or of what changed in them."""

    scans: list[ScanView]
    devices: list[DeviceView]
    incidents: list[IncidentView]
    only: list[str] | None = None  # the elements of all devices there are, where some may have left the list

    def __bool__(self) -> bool:
        return bool(self.scans or self.devices or self.incidents)


def read_content(
    connection: Connection, wanted: PageFilter, seen: Seen, now: datetime, heartbeat_interval: float
) -> Content:
    """What a page that shows `seen` lacks `now`; everything, if it shows nothing. The interval in seconds."""
    then = None if seen.at is None else datetime.fromtimestamp(seen.at / 1000, UTC)
    devices, first = moved_devices(connection, wanted, Since(seen.after, then), now, heartbeat_interval)
    online = times_online(connection, now, [row.device_id for row in devices]) if devices else {}
    recent = now - timedelta(days=INCIDENT_DAYS)
    return Content(
        scans=[scan_view(row) for row in scans_after(connection, wanted, seen.after)],
        devices=[
            device_view(row, online.get(row.device_id, TimeOnline()), now, heartbeat_interval) for row in devices
        ],
        incidents=[
            incident_view(row) for row in incidents_after(connection, seen.after) if row.received_at >= recent
        ],
        only=None if wanted.presence is None else [f"device-{each}" for each in first],
    )


def milliseconds(moment: datetime) -> int:
    """A moment as JavaScript counts."""
    return int(moment.timestamp() * 1000)
