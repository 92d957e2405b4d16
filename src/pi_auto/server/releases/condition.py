"""How long what is served is good, and what an operator has to do about it. Pure but for what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from tuf.api.metadata import Root, Targets, Timestamp

from pi_auto.server.releases.names import TIMESTAMP
from pi_auto.server.releases.roles import TIMESTAMP_LASTS, read
from pi_auto.server.releases.shelf import Shelf
from pi_auto.wire.times import format_time

WARN_BEFORE = timedelta(days=60)  # of what people have to sign
OVERDUE = timedelta(days=2)  # since the server should have signed, day by day


@dataclass(frozen=True, slots=True)
class Condition:
    """Until when each role is good; None where there is none."""

    root: datetime
    targets: datetime | None
    timestamp: datetime | None

    def troubles(self, now: datetime) -> list[str]:
        """What needs a person, in sentences."""
        found = [
            f"the {name} of updates {_ends(until, now)}; run `pi-auto-server release keys renew --role {name}`"
            " where the keys are, and publish it"
            for name, until in (("root", self.root), ("targets", self.targets))
            if until and until - now < WARN_BEFORE
        ]
        if self.timestamp and self.timestamp - now < TIMESTAMP_LASTS - OVERDUE:
            found.append(f"updates were not signed anew for days: the timestamp {_ends(self.timestamp, now)};"
                         " the server's log says why")  # fmt: skip
        return found

    def to_json(self, now: datetime) -> dict[str, Any]:
        """For /api/health and for `release list`."""
        times = {"root": self.root, "targets": self.targets, "timestamp": self.timestamp}
        expires = {name: format_time(until) for name, until in times.items() if until}
        return {"expires": expires, "troubles": self.troubles(now)}


def condition_of(shelf: Shelf) -> Condition | None:
    """How it is now; None where this fleet has no root. Cheap: what has not changed is not read again."""
    place = shelf.generation()
    if place is None:
        return None
    stamp = place / TIMESTAMP
    changed = stamp.stat().st_mtime_ns if stamp.exists() else 0
    return _read(shelf, place, changed)


@lru_cache(4)
def _read(shelf: Shelf, _place: Path, _changed: int) -> Condition:
    root = read(shelf.roots()[-1], Root, "the root").signed.expires
    targets, stamp = shelf.targets(), shelf.timestamp()
    return Condition(
        root,
        read(targets, Targets, "the targets").signed.expires if targets else None,
        read(stamp, Timestamp, "the timestamp").signed.expires if stamp else None,
    )


def _ends(until: datetime, now: datetime) -> str:
    return f"expired {until:%Y-%m-%d}, so no device takes any" if until <= now else f"expires {until:%Y-%m-%d}"
