"""What there is to see of roll-outs: the list, one of them with its figures, and every device of it.

Devices come in pages by id, since a fleet's do not fit into one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, or_, select

from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.facts import window_of, windows
from pi_auto.server.rollouts.moving import figures_of, tags_by_device
from pi_auto.server.rollouts.rules import State
from pi_auto.server.rollouts.stages import Device, Stage, bucket_of, read_stages, stage_of
from pi_auto.server.rollouts.steps import FAILED, OPEN
from pi_auto.server.rollouts.tables import (
    device_groups,
    rollouts,
    update_attempts,
    update_checks,
    update_pins,
)
from pi_auto.wire.times import format_time
from pi_auto.wire.update import COMMITTED

MOST_LISTED = 100
PAGE = 300  # devices in one answer
MOST_REASONS = 20
_ASKS_WITHIN = timedelta(hours=1)


def list_all(books: Connection, most: int = MOST_LISTED, *, only: int | None = None) -> list[dict[str, Any]]:
    """The newest roll-outs, or `only` that one, each with what it has reached."""
    of = update_attempts.c
    query = (
        select(rollouts, releases.c.version, releases.c.withdrawn_at, *_counts())
        .join(releases, releases.c.counter == rollouts.c.counter)
        .outerjoin(update_attempts, and_(of.rollout_id == rollouts.c.id, of.counter == rollouts.c.counter))
        .group_by(rollouts.c.id, releases.c.version, releases.c.withdrawn_at)
        .order_by(rollouts.c.id.desc())
        .limit(most)
    )
    wanted = query if only is None else query.where(rollouts.c.id == only)
    return [_summary(row) for row in books.execute(wanted)]


def show(books: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
    """One, with its stages, limits, figures and what has failed why."""
    listed = list_all(books, only=row.id)[0]
    figures = figures_of(books, row, now)
    stages = read_stages(row.stages)
    members = [0] * len(stages)
    reached = dict(_by_stage(books, row))
    for each in _members(books, row, stages):
        if each.stage is not None:
            members[each.stage] += 1
    return listed | {
        "success": row.success,
        "failures_to_pause": row.failures,
        "failure_percent": row.failure_percent,
        "silence": row.silence,
        "attempts": row.attempts,
        "made_by": row.made_by,
        "forgiven": figures.forgiven,
        "stages": [
            {"whom": str(stage).partition("/")[0], "soak": stage.soak, "devices": members[number],
             "reached": reached.get(number, (0, 0, 0))[0], "committed": reached.get(number, (0, 0, 0))[1],
             "failed": reached.get(number, (0, 0, 0))[2]} for number, stage in enumerate(stages)
        ],
        "reasons": _reasons(books, row),
    }  # fmt: skip


def report(books: Connection, row: Row[Any], after: str = "", most: int = PAGE) -> list[dict[str, Any]]:
    """What each device of a roll-out has made of it, those behind the id `after`."""
    stages = read_stages(row.stages)
    found = []
    for each in _members(books, row, stages, after):
        if each.attempt is None and each.stage is None:
            continue
        found.append(_line(each))
        if len(found) >= most:
            break
    return found


def foresee(
    books: Connection, row: Row[Any], start: datetime, after: str = "", most: int = PAGE
) -> list[dict[str, Any]]:
    """Who would be offered the release from when on, were it started then and did nothing fail."""
    stages, known = read_stages(row.stages), windows(books)
    begins = [start]
    for stage in stages[:-1]:
        begins.append(begins[-1] + timedelta(seconds=stage.soak))
    found = []
    for each in _members(books, row, stages, after):
        if each.stage is None:
            continue
        window = window_of(books, known, each.device_id, each.group)
        opens = begins[each.stage]
        opens = opens if window is None or row.urgent else max(opens, window.opening(opens)[0])
        found.append({
            "device_id": each.device_id, "stage": each.stage + 1, "version": each.version, "takes": each.takes,
            "from": format_time(opens), "until": format_time(opens + _ASKS_WITHIN),
            "window": str(window) if window else None,
        })  # fmt: skip
        if len(found) >= most:
            break
    return found


class Member:
    """A device as a roll-out sees it: its stage (None: it is never reached), and what it has made of it."""

    def __init__(self, row: Row[Any], rollout: Row[Any], stages: Sequence[Stage], tags: frozenset[str]) -> None:
        self.device_id, self.group, self.hostname = str(row.device_id), row.name, row.hostname
        self.version = row.asked_version or row.client_version
        self.attempt = row if row.step is not None else None
        self.pinned, self.asked_at = row.pinned, row.asked_at
        device = Device(bucket_of(rollout.id, self.device_id), row.name, tags)
        self.stage = stage_of(stages, device)
        self.counter, self._wanted, self._highest = row.running or 0, rollout.counter, row.highest or 0

    @property
    def takes(self) -> str:
        """Whether it would take the release: `yes`, or why not."""
        if self.pinned is not None:
            return "is pinned"
        if self.counter == self._wanted:
            return "runs it"
        return "runs a newer one" if max(self.counter, self._highest) > self._wanted else "yes"


def _members(books: Connection, rollout: Row[Any], stages: Sequence[Stage], after: str = "") -> Iterator[Member]:
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
               releases.c.counter.label("running"), *told)
        .outerjoin(update_checks, checks.device_id == ids.device_id)
        .outerjoin(device_groups, device_groups.c.device_id == ids.device_id)
        .outerjoin(update_attempts, tried)
        .outerjoin(update_pins, update_pins.c.device_id == ids.device_id)
        .outerjoin(releases, releases.c.version == runs)
        .where(ids.device_id > after, or_(ids.legacy.is_(False), mine.step.is_not(None)))
        .order_by(ids.device_id)
    )  # fmt: skip


def _line(each: Member) -> dict[str, Any]:
    row = each.attempt
    stage = each.stage if row is None else row.offered_in
    return {
        "device_id": each.device_id,
        "hostname": each.hostname,
        "stage": None if stage is None else stage + 1,
        "version": each.version,
        "step": row.step if row else ("waits" if each.takes == "yes" else each.takes),
        "reason": row.reason if row else None,
        "percent": row.percent if row else None,
        "attempts": row.attempts if row else 0,
        "failures": row.failures if row else 0,
        "offered": _time(row and row.offered_at),
        "heard": _time(row.heard_at if row else each.asked_at),
        "ended": _time(row and row.ended_at),
    }


def _counts() -> tuple[Any, ...]:
    of = update_attempts.c
    return (
        func.count(of.device_id).label("reached"),
        _count(of.step == COMMITTED).label("committed"),
        _count(of.step.in_(FAILED)).label("failed"),
        _count(of.step.in_(OPEN)).label("under_way"),
    )


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "counter": row.counter,
        "state": row.state,
        "withdrawn": row.withdrawn_at is not None,
        "stage": row.stage + 1,
        "of_stages": len(row.stages),
        "stage_is": str(read_stages(row.stages)[row.stage]),
        "stage_since": _time(row.stage_at),
        "urgent": bool(row.urgent),
        "why": row.why,
        "made": format_time(row.made_at),
        "started": _time(row.started_at),
        "ended": _time(row.ended_at),
        "reached": row.reached,
        "committed": row.committed,
        "failed": row.failed,
        "under_way": row.under_way,
        "live": row.state in {State.RUNNING, State.PAUSED, State.COMPLETED},
    }


def _by_stage(books: Connection, row: Row[Any]) -> Iterator[tuple[int, tuple[int, int, int]]]:
    of = update_attempts.c
    counts = (func.count(), _count(of.step == COMMITTED), _count(of.step.in_(FAILED)))
    query = select(of.stage, *counts).where(of.rollout_id == row.id, of.counter == row.counter).group_by(of.stage)
    for stage, reached, committed, failed in books.execute(query):
        yield stage, (reached, committed, failed)


def _reasons(books: Connection, row: Row[Any]) -> list[dict[str, Any]]:
    """Why devices have failed, the most frequent first, each with some of the devices."""
    of = update_attempts.c
    failed = (of.rollout_id == row.id, of.counter == row.counter, of.step.in_(FAILED))
    query = (
        select(of.step, of.reason, func.count().label("devices"), func.min(of.device_id).label("such_as"))
        .where(*failed)
        .group_by(of.step, of.reason)
        .order_by(func.count().desc(), of.reason)
        .limit(MOST_REASONS)
    )
    return [
        {"step": each.step, "reason": each.reason, "devices": each.devices, "such_as": each.such_as}
        for each in books.execute(query)
    ]


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
