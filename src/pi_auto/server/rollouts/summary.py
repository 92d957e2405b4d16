"""The list of roll-outs, and one of them in full: its stages, limits, figures, and why devices have failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select

from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.candidates import State
from pi_auto.server.rollouts.members import members_of
from pi_auto.server.rollouts.moving import figures_of
from pi_auto.server.rollouts.planning import failures_of
from pi_auto.server.rollouts.stages import read_stages
from pi_auto.server.rollouts.steps import FAILED, OPEN
from pi_auto.server.rollouts.tables import rollouts, update_attempts
from pi_auto.wire.times import format_time, time_or_none
from pi_auto.wire.update import COMMITTED

MOST_LISTED = 100
MOST_REASONS = 20


def list_all(books: Connection, most: int = MOST_LISTED, *, only: int | None = None) -> list[dict[str, Any]]:
    """The newest roll-outs, or `only` that one, each with what it has reached."""
    of = update_attempts.c
    query = (
        select(rollouts, releases.c.version, releases.c.withdrawn_at, releases.c.least_counter, *_counts())
        .join(releases, releases.c.counter == rollouts.c.counter)
        .outerjoin(update_attempts, and_(of.rollout_id == rollouts.c.id, of.counter == rollouts.c.counter))
        .group_by(rollouts.c.id, releases.c.version, releases.c.withdrawn_at, releases.c.least_counter)
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
    members, held_back = [0] * len(stages), 0
    reached = dict(_by_stage(books, row))
    for each in members_of(books, row, stages):
        if each.stage is not None:
            members[each.stage] += 1
            held_back += each.is_held_back and each.pinned is None
    return listed | {
        "success": row.success,
        "failures_to_pause": row.failures,
        "failure_percent": row.failure_percent,
        "silence": row.silence,
        "attempts": row.attempts,
        "made_by": row.made_by,
        "forgiven": figures.forgiven,
        "held_back": held_back,
        "failures": failures_of(books, row),
        "stages": [
            {"whom": str(stage).partition("/")[0], "soak": stage.soak, "devices": members[number],
             "reached": reached.get(number, (0, 0, 0))[0], "committed": reached.get(number, (0, 0, 0))[1],
             "failed": reached.get(number, (0, 0, 0))[2]} for number, stage in enumerate(stages)
        ],
        "reasons": _reasons(books, row),
    }  # fmt: skip


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "counter": row.counter,
        "least_counter": row.least_counter,
        "state": row.state,
        "withdrawn": row.withdrawn_at is not None,
        "stage": row.stage + 1,
        "of_stages": len(row.stages),
        "stage_is": str(read_stages(row.stages)[row.stage]),
        "stage_since": time_or_none(row.stage_at),
        "urgent": bool(row.urgent),
        "why": row.why,
        "made": format_time(row.made_at),
        "started": time_or_none(row.started_at),
        "ended": time_or_none(row.ended_at),
        "reached": row.reached,
        "committed": row.committed,
        "failed": row.failed,
        "under_way": row.under_way,
        "live": row.state in {State.RUNNING, State.PAUSED, State.COMPLETED},
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
