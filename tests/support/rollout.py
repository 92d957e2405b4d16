"""A fleet before a server that rolls out: devices of the books, releases in them, what devices ask and tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Table, insert, select

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.admin.requests import answer
from pi_auto.server.context import Context, open_context
from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.booking import ask, tell
from pi_auto.server.rollouts.leading import look
from pi_auto.server.settings import Settings
from pi_auto.server.store.changes import next_change
from pi_auto.wire.release import target_of
from pi_auto.wire.update import (
    COMMITTED,
    DOWNLOADING,
    ROLLED_BACK,
    TRIAL,
    VERIFIED,
    NoUpdate,
    Offer,
    UpdateStatus,
    status_of,
)
from support.api import NOW, Clock

_TOGETHER = 250  # devices whose calls are booked in one transaction, as the server's writer does it
OLD, NEW = "2.0.0", "2.1.0"
WHY = "capture: the self-test has failed"


def batched(all_of: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """In their order, so many at a time."""
    return (all_of[at : at + size] for at in range(0, len(all_of), size))


def update_id_of(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()


def release_row(counter: int, version: str, **changes: Any) -> dict[str, Any]:
    row = {
        "counter": counter,
        "version": version,
        "target": target_of(version),
        "update_id": update_id_of(version),
        "size": 20_000_000,
        "notes": "",
        "published_at": NOW,
        "published_by": "ann",
    }
    return row | changes


def device_row(device_id: str, version: str, change: int) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "hostname": f"host-of-{device_id}",
        "client_version": version,
        "system_info": {},
        "registered_at": NOW,
        "changed": change,
        "legacy": False,
    }


@dataclass
class Fleet:
    """A server's books. `versions` is what each device runs; `broken` those on which the new release fails."""

    context: Context
    clock: Clock
    versions: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)

    def job(self, work: Any) -> Any:
        return self.context.writer.submit(work).result(60)

    def release(self, counter: int, version: str, **changes: Any) -> None:
        self.job(lambda books: books.execute(insert(releases).values(release_row(counter, version, **changes))))

    def add(self, device_ids: Iterable[str], version: str = OLD) -> None:
        ids = list(device_ids)

        def work(books: Any) -> None:
            rows = [device_row(each, version, next_change(books)) for each in ids]
            books.execute(insert(devices), rows)

        self.job(work)
        self.versions |= dict.fromkeys(ids, version)

    def admin(self, request: str, **told: Any) -> dict[str, Any]:
        return answer(Administrator(self.context, "ann"), told | {"request": request})

    def start(self, version: str = NEW, stages: str = "100%", **told: Any) -> int:
        """A roll-out that runs; its number."""
        number = int(self.admin("rollout plan", version=version, stages=stages, **told)["id"])
        self.admin("rollout start", rollout=number)
        return number

    def show(self, number: int) -> dict[str, Any]:
        shown: dict[str, Any] = self.admin("rollout show", rollout=number)["rollout"]
        return shown

    def report(self, number: int) -> dict[str, dict[str, Any]]:
        """Every device of a roll-out, page by page."""
        found: dict[str, dict[str, Any]] = {}
        after = ""
        while page := self.admin("rollout report", rollout=number, after=after)["devices"]:
            found |= {each["device_id"]: each for each in page}
            after = page[-1]["device_id"]
        return found

    def check(self, device_id: str) -> NoUpdate | Offer:
        now, version = self.clock(), self.versions[device_id]
        given: NoUpdate | Offer = self.job(lambda books: ask(books, device_id, version, now))
        if isinstance(given, Offer):
            self.offered.add(device_id)
        return given

    def why(self, device_id: str) -> str:
        """Why there is nothing for a device; AssertionError if there is something."""
        answer = self.check(device_id)
        assert isinstance(answer, NoUpdate), answer
        return answer.message

    def tell(
        self, device_id: str, step: str, version: str = NEW, *, said: datetime | None = None, **told: Any
    ) -> bool:
        now = self.clock()
        status = UpdateStatus(
            device_id, version, status_of(step), said or now, step=step, update_id=update_id_of(version), **told
        )
        return bool(self.job(lambda books: tell(books, status, now)))

    def hour(self) -> None:
        """Every device asks once, takes what it is offered, and tells how that goes; the server looks after it."""
        now = self.clock()

        def live(books: Any, some: Sequence[str]) -> None:
            for each in some:
                self._live(books, each, now)

        for some in batched(list(self.versions), _TOGETHER):
            self.job(partial(live, some=some))
        self.clock.pass_by(1800)
        look(self.context)
        self.clock.pass_by(1800)
        look(self.context)

    def _live(self, books: Any, device_id: str, now: datetime) -> None:
        given = ask(books, device_id, self.versions[device_id], now)
        if not isinstance(given, Offer):
            return
        self.offered.add(device_id)
        version, broken = given.latest_version, device_id in self.broken
        steps = (DOWNLOADING, VERIFIED, TRIAL, ROLLED_BACK if broken else COMMITTED)
        for number, step in enumerate(steps):
            said = now + timedelta(seconds=number)
            reason = WHY if step == ROLLED_BACK else None
            status = UpdateStatus(
                device_id, version, status_of(step), said, step=step, update_id=given.update_id, reason=reason
            )
            tell(books, status, said)
        if not broken:
            self.versions[device_id] = version

    def rows(self, table: Table) -> list[Row[Any]]:
        with self.context.store.engine.connect() as books:
            return list(books.execute(select(table)).all())


@contextmanager
def open_fleet(folder: Path, count: int = 0) -> Iterator[Fleet]:
    """A server without trust, two releases, and so many devices that run the older one."""
    clock = Clock()
    context = open_context(Settings(data=folder), clock)
    try:
        fleet = Fleet(context, clock)
        fleet.release(1, OLD)
        fleet.release(2, NEW)
        if count:
            fleet.add(f"pi-{number:08x}" for number in range(count))
        yield fleet
    finally:
        context.close()
