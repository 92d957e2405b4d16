"""The devices of the fleet as one roll-out sees them: each one's stage, and whether it would take the release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.moving import least_of, tags_by_device
from pi_auto.server.rollouts.stages import Device, Stage, bucket_of, stage_of
from pi_auto.server.rollouts.tables import device_groups, update_attempts, update_checks, update_pins


class Member:
    """A device as a roll-out sees it: its stage (None: it is never reached), and what it has made of it."""

    def __init__(self, row: Row[Any], rollout: Row[Any], stages: Sequence[Stage], tags: frozenset[str]) -> None:
        self.device_id, self.group, self.hostname = str(row.device_id), row.name, row.hostname
        self.version = row.asked_version or row.client_version
        self.attempt = row if row.step is not None else None
        self.pinned, self.asked_at = row.pinned, row.asked_at
        device = Device(bucket_of(rollout.id, self.device_id), row.name, tags)
        self.stage = stage_of(stages, device)
        self.counter, self._wanted, self._least = row.running or 0, rollout.counter, row.least
        self._at = max(self.counter, row.highest or 0)

    @property
    def takes(self) -> str:
        """Whether it would take the release: `yes`, or why not."""
        if self.pinned is not None:
            return "is pinned"
        if self.counter == self._wanted:
            return "runs it"
        if self._at > self._wanted:
            return "runs a newer one"
        return f"needs release counter {self._least} first" if self.is_held_back else "yes"

    @property
    def is_held_back(self) -> bool:
        """Whether it would refuse the release, and is not offered it, until it has taken another one."""
        return self.attempt is None and self._at < self._least


def members_of(books: Connection, rollout: Row[Any], stages: Sequence[Stage], after: str = "") -> Iterator[Member]:
    """Every device of the fleet but old clients, by id."""
    tags = tags_by_device(books)
    for row in books.execute(_every_device(rollout, after)):
        yield Member(row, rollout, stages, tags.get(row.device_id, frozenset()))


def _every_device(rollout: Row[Any], after: str) -> Any:
    ids, checks, mine = devices.c, update_checks.c, update_attempts.c
    tried = and_(mine.device_id == ids.device_id, mine.rollout_id == rollout.id, mine.counter == rollout.counter)
    runs = func.coalesce(checks.version, ids.client_version)
    told = (mine.step, mine.reason, mine.percent, mine.attempts, mine.failures, mine.offered_at, mine.heard_at,
            mine.ended_at, mine.stage.label("offered_in"))  # fmt: skip
    return (
        select(ids.device_id, ids.hostname, ids.client_version, checks.version.label("asked_version"),
               checks.asked_at, checks.highest, device_groups.c.name, update_pins.c.counter.label("pinned"),
               releases.c.counter.label("running"), least_of(rollout).label("least"), *told)
        .outerjoin(update_checks, checks.device_id == ids.device_id)
        .outerjoin(device_groups, device_groups.c.device_id == ids.device_id)
        .outerjoin(update_attempts, tried)
        .outerjoin(update_pins, update_pins.c.device_id == ids.device_id)
        .outerjoin(releases, releases.c.version == runs)
        .where(ids.device_id > after, or_(ids.legacy.is_(False), mine.step.is_not(None)))
        .order_by(ids.device_id)
    )  # fmt: skip
