"""The page as it is first loaded; everything on it is there without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.server.console import markup
from pi_auto.server.console.assets import stamped
from pi_auto.server.console.content import INCIDENT_DAYS, NOTHING, Seen, milliseconds, read_content
from pi_auto.server.console.device_views import presences
from pi_auto.server.console.queries import MOST_DEVICES, MOST_SCANS, count_wanted
from pi_auto.server.console.request import Filter
from pi_auto.server.context import Context
from pi_auto.server.fleet.presence import Presence
from pi_auto.version import __version__


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where this console and the API beside it were mounted, as a browser must ask for them."""

    home: str
    live: str
    assets: str  # with a `/` at the end
    server: str  # what a device is told, scheme included
    sheet: str  # the calibration sheet
    fleet: str = ""  # the administrators' pages, where there are any
    rollouts: str = ""
    audit: str = ""
    logout: str = ""

    @property
    def host(self) -> str:
        """The same without the scheme, as a fleet card names it."""
        return self.server.partition("://")[2]

    def asset(self, name: str) -> str:
        """Where a file is served."""
        return self.assets + stamped(name)

    @property
    def icon(self) -> str:
        """The product's sign."""
        return self.asset("icon.svg")

    @property
    def css(self) -> str:
        """How all pages look."""
        return self.asset("console.css")


def home_page(context: Context, wanted: Filter, addresses: Addresses, who: str = "") -> str:
    """The page for a filter, as HTML; `who` has signed in, if there is anybody to sign in as."""
    now = context.clock()
    shown = Seen(context.changes.newest(), milliseconds(now))  # before the look: what comes later is told again
    with context.store.engine.connect() as connection:
        scans = wanted.scans(connection)
        content = read_content(connection, scans, NOTHING, now, context.settings.heartbeat_interval)
        in_all = count_wanted(connection, scans, now, context.settings.heartbeat_interval)
        more = len(content.devices) == MOST_DEVICES < in_all
    return markup.page(
        shown=shown,
        now=now,
        content=content,
        incident_days=INCIDENT_DAYS,
        scan_count=_shown(len(content.scans)),
        device_count=presences(content.devices),
        among=f"among the first {MOST_DEVICES} of {in_all}" if more else "",
        filter=wanted,
        statuses=tuple(Presence),
        addresses=addresses,
        who=who,
        version=__version__,
    )


def _shown(scans: int) -> str:
    return f"the newest {MOST_SCANS}" if scans == MOST_SCANS else f"{scans} shown"
