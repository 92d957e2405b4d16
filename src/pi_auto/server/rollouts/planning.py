"""What operators decide about roll-outs, from plan to abort. Each decision is in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.candidates import State
from pi_auto.server.rollouts.judging import Limits
from pi_auto.server.rollouts.stages import BUCKETS, Stage, read_stages
from pi_auto.server.rollouts.tables import rollouts, update_attempts
from pi_auto.wire.errors import FieldError, shown

MOST_ROLLOUTS = 1000
MOST_OFFERING = 16  # at once: each is looked at whenever a device asks
LEAVES = {
    "start": (State.DRAFT,),
    "pause": (State.RUNNING, State.COMPLETED),
    "resume": (State.PAUSED,),
    "advance": (State.RUNNING,),
    "abort": (State.DRAFT, State.RUNNING, State.PAUSED, State.COMPLETED),
}
_OPEN = (State.RUNNING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """A roll-out as it was planned. `silence` in seconds."""

    version: str
    stages: tuple[Stage, ...]
    limits: Limits = field(default_factory=Limits)
    silence: int = 2 * 3600
    attempts: int = 2
    mandatory: bool = False


def plan(books: Connection, wanted: Plan, by: str, now: datetime) -> int:
    """Make a draft; its number. Raises FieldError for a version that cannot be offered."""
    release = release_of(books, wanted.version)
    if books.execute(select(func.count()).select_from(rollouts)).scalar_one() >= MOST_ROLLOUTS:
        raise FieldError("rollouts", f"{MOST_ROLLOUTS} already", f"at most {MOST_ROLLOUTS}")
    row = {
        "counter": release.counter,
        "state": State.DRAFT,
        "stages": [stage.to_json() for stage in wanted.stages],
        "stage": 0,
        "success": wanted.limits.success,
        "failures": wanted.limits.failures,
        "failure_percent": wanted.limits.failure_percent,
        "silence": wanted.silence,
        "attempts": wanted.attempts,
        "urgent": int(wanted.mandatory),
        "made_by": by,
        "made_at": now,
    }
    made = books.execute(insert(rollouts).values(row)).inserted_primary_key
    number = int(made[0]) if made else 0
    detail = {"version": wanted.version, "stages": " ".join(map(str, wanted.stages))}
    _note(books, number, "plan", by, now, detail)
    return number


def start(books: Connection, number: int, by: str, now: datetime, *, at_once: bool = False) -> State:
    """Begin with the first stage; `at_once` with every device, outside of windows too."""
    row = _leaving(books, number, "start")
    release = books.execute(select(releases).where(releases.c.counter == row.counter)).one()
    _refuse_withdrawn(release)
    _refuse_second(books, row)
    _refuse_many(books, row)
    news: dict[str, Any] = {"state": State.RUNNING, "stage_at": now, "started_at": now}
    if at_once:
        everybody = Stage(share=BUCKETS, soak=read_stages(row.stages)[-1].soak)
        news |= {"stages": [everybody.to_json()], "urgent": 1}
    return _change(books, row, "start at once" if at_once else "start", news, by, now)


def pause(books: Connection, number: int, why: str, by: str, now: datetime) -> State:
    """Offer nothing more; devices that are under way finish."""
    row = _leaving(books, number, "pause")
    return _change(books, row, "pause", {"state": State.PAUSED, "why": why or f"paused by {by}"}, by, now)


def resume(books: Connection, number: int, by: str, now: datetime, seen: int | None = None) -> State:
    """Go on. What has failed so far is known to whoever does this, and pauses it no more.

    Refused where there are more failures than were `seen`: a page stands for a while, and others resume as well.
    """
    row = _leaving(books, number, "resume")
    if seen is not None and (failures := failures_of(books, row)) > seen:
        raise FieldError("failures", f"{seen} were seen", f"to have seen all {failures} that there are by now")
    _refuse_withdrawn(books.execute(select(releases).where(releases.c.counter == row.counter)).one())
    _refuse_second(books, row)
    news = {"state": State.RUNNING, "stage_at": now, "forgiven_at": now, "why": None, "ended_at": None}
    return _change(books, row, "resume", news, by, now)


def advance(books: Connection, number: int, by: str, now: datetime, seen: int | None = None) -> State:
    """Go on to the next stage now, whatever the figures say; from the stage that was `seen`, from 1, and no other.

    A page stands for a while: meanwhile the roll-out has gone on by itself, or somebody else was quicker.
    """
    row = _leaving(books, number, "advance")
    if seen is not None and seen != row.stage + 1:
        raise FieldError("stage", str(seen), f"the one that roll-out {number} is in, {row.stage + 1} by now")
    if row.stage + 1 >= len(row.stages):
        raise FieldError("stage", f"the last, {row.stage + 1} of {len(row.stages)}", "one with a stage behind it")
    return _change(books, row, "advance", {"stage": row.stage + 1, "stage_at": now, "why": None}, by, now)


def abort(books: Connection, number: int, why: str, by: str, now: datetime) -> State:
    """End it for good."""
    row = _leaving(books, number, "abort")
    news = {"state": State.ABORTED, "ended_at": now, "why": why or f"aborted by {by}"}
    return _change(books, row, "abort", news, by, now)


def failures_of(books: Connection, row: Row[Any]) -> int:
    """How many there were so far, with those that were forgiven and those of devices that run it by now."""
    of = update_attempts.c
    mine = (of.rollout_id == row.id, of.counter == row.counter)
    return int(books.execute(select(func.coalesce(func.sum(of.failures), 0)).where(*mine)).scalar_one())


def find(books: Connection, number: int) -> Row[Any]:
    """The roll-out of a number. Raises FieldError."""
    row = books.execute(select(rollouts).where(rollouts.c.id == number)).first()
    if row is None:
        raise FieldError("rollout", shown(number), "the number of one in `pi-auto-server rollout list`")
    return row


def release_of(books: Connection, version: str) -> Row[Any]:
    """The release of a version, if it may be offered. Raises FieldError."""
    row = books.execute(select(releases).where(releases.c.version == version)).first()
    if row is None:
        raise FieldError("version", shown(version), "one of `pi-auto-server release list`")
    _refuse_withdrawn(row)
    return row


def _refuse_withdrawn(release: Row[Any]) -> None:
    if release.withdrawn_at is not None:
        raise FieldError("version", shown(release.version), "a release that was not withdrawn")


def _refuse_second(books: Connection, row: Row[Any]) -> None:
    """Two roll-outs of one release would each count the other's devices as their own."""
    of = rollouts.c
    others = select(of.id).where(of.counter == row.counter, of.state.in_(_OPEN), of.id != row.id)
    if (other := books.execute(others).scalar()) is not None:
        raise FieldError("rollout", str(row.id), f"one whose release is in no other: abort roll-out {other} first")


def _refuse_many(books: Connection, row: Row[Any]) -> None:
    running = select(func.count()).select_from(rollouts).where(rollouts.c.state.in_(_OPEN))
    if books.execute(running).scalar_one() >= MOST_OFFERING:
        raise FieldError("rollout", str(row.id), f"at most {MOST_OFFERING} at once: abort what is over")


def _leaving(books: Connection, number: int, action: str) -> Row[Any]:
    row = find(books, number)
    if row.state not in LEAVES[action]:
        allowed = " or ".join(LEAVES[action])
        raise FieldError("rollout", f"{number}, which is {row.state}", f"one that is {allowed}")
    return row


def _change(books: Connection, row: Row[Any], action: str, news: dict[str, Any], by: str, now: datetime) -> State:
    books.execute(update(rollouts).where(rollouts.c.id == row.id).values(news))
    detail = {"from": row.state, "stage": row.stage + 1} | ({"why": news["why"]} if news.get("why") else {})
    _note(books, row.id, action, by, now, detail)
    return State(news.get("state", row.state))


def _note(books: Connection, number: int, action: str, by: str, now: datetime, detail: dict[str, Any]) -> None:
    note(books, Entry(by, f"rollout {action}", f"rollout {number}", "done", detail=detail), now)
