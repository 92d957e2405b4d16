"""Moves roll-outs from stage to stage, and pauses those that fail; run again and again by the one server.

The lock on the data folder makes one server the leader. Each move names the state that it leaves: run twice,
or by two, it is made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, case, false, func, or_, select, update

from pi_auto.server.audit.trail import SERVER, Entry, note
from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.candidates import State
from pi_auto.server.rollouts.judging import Figures, Limits, Move, Verdict, judge, too_many
from pi_auto.server.rollouts.stages import Device, bucket_of, read_stages, soak_of, stage_of
from pi_auto.server.rollouts.steps import OPEN
from pi_auto.server.rollouts.tables import (
    device_groups,
    device_tags,
    rollouts,
    update_attempts,
    update_checks,
    update_pins,
)
from pi_auto.wire.update import COMMITTED

HERE_WITHIN = timedelta(days=1)  # who has not asked for longer is waited for by nobody


def move_all(books: Connection, now: datetime) -> int:
    """Judge every roll-out that offers something; how many have moved."""
    query = select(rollouts.c.id).where(rollouts.c.state.in_((State.RUNNING, State.COMPLETED)))
    return sum(consider(books, rollout, now) for rollout in books.execute(query).scalars().all())


def consider(books: Connection, rollout: int, now: datetime) -> bool:
    """Judge one, and do what follows; whether it has moved."""
    row = _offering(books, rollout)
    if row is None:
        return False
    verdict = _judged(books, row, now)
    if row.state == State.COMPLETED and verdict.move is not Move.PAUSE:
        return False
    return _move(books, row, verdict, now)


def pause_if_failing(books: Connection, rollout: int, now: datetime) -> bool:
    """The same right after a failure: only whether it has to pause, which is known soon."""
    row = _offering(books, rollout)
    if row is None:
        return False
    figures, limits = figures_of(books, row, now), limits_of(row)
    return too_many(figures, limits) and _move(books, row, judge(figures, limits), now)


def _offering(books: Connection, rollout: int) -> Row[Any] | None:
    states = (State.RUNNING, State.COMPLETED)
    query = select(rollouts).where(rollouts.c.id == rollout, rollouts.c.state.in_(states))
    return books.execute(query).first()


def _judged(books: Connection, row: Row[Any], now: datetime) -> Verdict:
    """What follows from its figures. Only before it would move is every device of the fleet looked at."""
    figures, limits = figures_of(books, row, now), limits_of(row)
    verdict = judge(figures, limits)
    if verdict.move is Move.STAY or too_many(figures, limits) or row.state == State.COMPLETED:
        return verdict
    unasked, away = unasked_of(books, row, now)
    return judge(replace(figures, unasked=unasked, away=away), limits)


def limits_of(row: Row[Any]) -> Limits:
    """The limits of a roll-out."""
    return Limits(row.success, row.failures, row.failure_percent)


def figures_of(books: Connection, row: Row[Any], now: datetime) -> Figures:
    """Its figures, but for those that have not been asked."""
    of = update_attempts.c
    lost = and_(of.failures > 0, of.step != COMMITTED)
    known = of.failed_at <= row.forgiven_at if row.forgiven_at else false()
    again = and_(of.step != COMMITTED, of.attempts < row.attempts, of.heard_at > now - HERE_WITHIN)
    counts = (
        func.count(), _count(of.step == COMMITTED), _count(and_(lost, ~known)), _count(and_(lost, known)),
        _count(or_(of.step.in_(OPEN), again)),
    )  # fmt: skip
    found = books.execute(select(*counts).where(of.rollout_id == row.id, of.counter == row.counter)).one()
    reached, committed, failed, forgiven, trying = (int(number or 0) for number in found)
    stages = read_stages(row.stages)
    ends = row.stage_at and row.stage_at + soak_of(stages[row.stage])
    return Figures(
        reached, committed, failed, forgiven, trying,
        soaked=ends is not None and now >= ends, last=row.stage == len(stages) - 1,
    )  # fmt: skip


def unasked_of(books: Connection, row: Row[Any], now: datetime) -> tuple[int, int]:
    """How many devices its stages reach that need it and were not offered it: that were here lately, and not."""
    here = [asked is not None and asked > now - HERE_WITHIN for asked in _lacking(books, row)]
    return sum(here), len(here) - sum(here)


def _lacking(books: Connection, row: Row[Any]) -> Iterator[datetime | None]:
    """Of each of them, when it asked last."""
    stages, tags = read_stages(row.stages)[: row.stage + 1], tags_by_device(books)
    for each in books.execute(_untried(row)):
        own = tags.get(each.device_id, frozenset())
        device = Device(bucket_of(row.id, each.device_id), each.name, own)
        if stage_of(stages, device) is not None:
            yield each.asked_at


def _untried(row: Row[Any]) -> Any:
    """Devices that run something older, are not pinned, and have not been offered the roll-out's release by it.

    But for those that would refuse it: they have to take another one first.
    """
    ids, checks, mine = devices.c, update_checks.c, update_attempts.c
    tried = and_(mine.device_id == ids.device_id, mine.rollout_id == row.id)
    runs = func.coalesce(checks.version, ids.client_version)
    counter, highest, least = func.coalesce(releases.c.counter, 0), func.coalesce(checks.highest, 0), least_of(row)
    return (
        select(ids.device_id, device_groups.c.name, checks.asked_at)
        .outerjoin(update_checks, checks.device_id == ids.device_id)
        .outerjoin(device_groups, device_groups.c.device_id == ids.device_id)
        .outerjoin(update_attempts, tried)
        .outerjoin(update_pins, update_pins.c.device_id == ids.device_id)
        .outerjoin(releases, releases.c.version == runs)
        .where(mine.device_id.is_(None), update_pins.c.device_id.is_(None), ids.legacy.is_(False))
        .where(counter < row.counter, highest <= row.counter, or_(counter >= least, highest >= least))
    )


def least_of(row: Row[Any]) -> Any:
    """The counter from which on the roll-out's release may be taken, within another query."""
    wanted = releases.alias()
    return select(wanted.c.least_counter).where(wanted.c.counter == row.counter).scalar_subquery()


def tags_by_device(books: Connection) -> dict[str, frozenset[str]]:
    """Every device's tags."""
    found: dict[str, set[str]] = {}
    for row in books.execute(select(device_tags)):
        found.setdefault(row.device_id, set()).add(row.tag)
    return {device_id: frozenset(tags) for device_id, tags in found.items()}


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _move(books: Connection, row: Row[Any], verdict: Verdict, now: datetime) -> bool:
    news = _news(row, verdict, now)
    left = (rollouts.c.id == row.id, rollouts.c.state == row.state, rollouts.c.stage == row.stage)
    if not books.execute(update(rollouts).where(*left).values(news)).rowcount or verdict.move is Move.STAY:
        return False
    outcome = f"{verdict.move.value}"
    detail = {"stage": row.stage + 1, "why": verdict.why}
    note(books, Entry(SERVER, "rollout", f"rollout {row.id}", outcome, detail=detail), now)
    return True


def _news(row: Row[Any], verdict: Verdict, now: datetime) -> dict[str, Any]:
    if verdict.move is Move.ADVANCE:
        return {"stage": row.stage + 1, "stage_at": now, "why": None}
    if verdict.move is Move.COMPLETE:
        return {"state": State.COMPLETED, "ended_at": now, "why": None}
    if verdict.move is Move.PAUSE:
        return {"state": State.PAUSED, "why": verdict.why}
    return {"why": verdict.why}
