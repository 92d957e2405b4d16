"""Books what devices ask and tell about updates, in the transaction that decides.

Every step is kept once, however often it is told, some hundreds a device; what they come to is one row
a device and release. A failure is judged at once: the next device that asks finds the roll-out paused.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, or_, select, update

from pi_auto.server.fleet.presence import last_contact
from pi_auto.server.fleet.tables import devices
from pi_auto.server.releases.tables import releases, update_reports
from pi_auto.server.rollouts import steps
from pi_auto.server.rollouts.deciding import answer
from pi_auto.server.rollouts.facts import attempt_of, counter_of, facts_of, find_attempt
from pi_auto.server.rollouts.moving import pause_if_failing
from pi_auto.server.rollouts.rules import Yes, choose
from pi_auto.server.rollouts.tables import BY_PIN, rollouts, update_attempts, update_checks
from pi_auto.server.store.text import storable
from pi_auto.wire.update import COMMITTED, NoUpdate, Offer, UpdateStatus

MOST_REPORTS = 200  # kept of a device, the newest
_AT_ONCE = 500  # attempts looked at in one transaction
SILENCE_OF_PINS = timedelta(hours=2)


def ask(books: Connection, device_id: str, version: str, now: datetime) -> NoUpdate | Offer:
    """The answer to a device of the books, and that it was given."""
    _note_check(books, device_id, version, now)
    facts = facts_of(books, device_id, version)
    choice = choose(facts, now)
    if isinstance(choice, Yes):
        _note_offer(books, device_id, choice, now)
    return answer(books, facts, choice)


def tell(books: Connection, status: UpdateStatus, now: datetime, *, proven: bool = True) -> bool:
    """Keep a report of a device of the books, and what it comes to; whether it was new.

    Of one that has not proved who it is the report is kept, and moves nothing.
    """
    if not _keep(books, status, now) or not proven:
        return False
    row = _attempt_meant(books, status)
    if row is not None and (before := attempt_of(row)):
        _write(books, row, before, steps.told(before, status, now), now)
    return True


def look_after(books: Connection, now: datetime) -> int:
    """Note who has fallen silent, and who was seen running the release though nothing was told; how many."""
    of = update_attempts.c
    silence = or_(of.heard_at <= now - SILENCE_OF_PINS, rollouts.c.silence < SILENCE_OF_PINS.total_seconds())
    query = (
        select(update_attempts, rollouts.c.silence, rollouts.c.state, releases.c.version)
        .join(releases, releases.c.counter == of.counter)
        .outerjoin(rollouts, rollouts.c.id == of.rollout_id)
        .where(of.step.in_(steps.OPEN), silence | (of.heard_at <= now - steps.TRIAL_OVER))
        .order_by(of.heard_at)
        .limit(_AT_ONCE)
    )
    return sum(_look_at(books, row, now) for row in books.execute(query).all())


def _look_at(books: Connection, row: Row[Any], now: datetime) -> bool:
    before = attempt_of(row)
    if before is None:
        return False
    runs_since = _seen_with(books, row.device_id, row.version)
    after = steps.seen_running(before, runs_since, now) if runs_since else before
    if after is before:
        silence = SILENCE_OF_PINS if row.silence is None else timedelta(seconds=row.silence)
        after = steps.fell_silent(before, silence, now)
    return _write(books, row, before, after, now)


def _seen_with(books: Connection, device_id: str, version: str) -> datetime | None:
    """When a device was last here that said then that it runs this version."""
    check = books.execute(select(update_checks).where(update_checks.c.device_id == device_id)).first()
    device = books.execute(select(devices).where(devices.c.device_id == device_id)).one()
    said = device.reported.get("client_version") if isinstance(device.reported, dict) else None
    moments = [
        check.asked_at if check and check.version == version else None,
        device.last_heartbeat_at if said == version else None,
        last_contact(device) if said is None and not check and device.client_version == version else None,
    ]
    return max((moment for moment in moments if moment), default=None)


def _note_check(books: Connection, device_id: str, version: str, now: datetime) -> None:
    """What it runs; and for what it runs that the report of the commit was lost, if it was."""
    counter = counter_of(books, version)
    of = update_attempts.c
    query = select(update_attempts).where(of.device_id == device_id, of.counter == counter)
    for row in books.execute(query).all() if counter else ():
        if before := attempt_of(row):
            _write(books, row, before, steps.seen_running(before, now, now), now)
    same = update_checks.c.device_id == device_id
    seen = {"version": version, "asked_at": now}
    if not books.execute(update(update_checks).where(same).values(seen)).rowcount:
        books.execute(insert(update_checks).values(seen | {"device_id": device_id, "highest": 0}))


def _note_offer(books: Connection, device_id: str, choice: Yes, now: datetime) -> None:
    counter = choice.target.counter
    before = find_attempt(books, choice.rollout, device_id, counter)
    key = {"rollout_id": choice.rollout, "device_id": device_id, "counter": counter}
    if before is None:
        row = key | {"stage": choice.stage, "first_at": now} | asdict(steps.first_offer(now))
        books.execute(insert(update_attempts).values(row))
        return
    after = steps.offered_again(before, now)
    if after is not before:
        _update(books, key, after)


def _keep(books: Connection, status: UpdateStatus, now: datetime) -> bool:
    """Add the report, unless it is there; the oldest go when a device tells very much."""
    of = update_reports.c
    row = {
        "device_id": status.device_id,
        "version": status.version,
        "status": status.status,
        "step": status.step,
        "update_id": status.update_id,
        "percent": status.percent,
        "reason": storable(status.reason) if status.reason else None,
        "said_at": status.timestamp,
    }
    same = [of[name].is_(None) if value is None else of[name] == value for name, value in row.items()]
    if books.execute(select(exists().where(*same))).scalar():
        return False
    books.execute(insert(update_reports).values(row | {"received_at": now}))
    mine = of.device_id == status.device_id
    last = select(of.id).where(mine).order_by(of.id.desc()).limit(1).offset(MOST_REPORTS).scalar_subquery()
    books.execute(delete(update_reports).where(mine, of.id <= last))
    return True


def _attempt_meant(books: Connection, status: UpdateStatus) -> Row[Any] | None:
    """The newest offer of the release that is told of: by its archive, else by its version."""
    of = update_attempts.c
    named = releases.c.update_id == status.update_id if status.update_id else releases.c.version == status.version
    query = (
        select(update_attempts)
        .join(releases, releases.c.counter == of.counter)
        .where(of.device_id == status.device_id, named)
        .order_by(of.offered_at.desc())
        .limit(1)
    )
    return books.execute(query).first()


def _write(books: Connection, row: Row[Any], before: steps.Attempt, after: steps.Attempt, now: datetime) -> bool:
    """Keep what became of an attempt, and judge its roll-out by it."""
    if after is before:
        return False
    _update(books, {name: getattr(row, name) for name in ("rollout_id", "device_id", "counter")}, after)
    if after.step == COMMITTED:
        _note_committed(books, row.device_id, row.counter, now)
    if after.failures > before.failures and row.rollout_id != BY_PIN:
        pause_if_failing(books, row.rollout_id, now)
    return True


def _update(books: Connection, key: dict[str, Any], after: steps.Attempt) -> None:
    same = [update_attempts.c[name] == value for name, value in key.items()]
    told = asdict(after)
    told["reason"] = storable(after.reason) if after.reason else None
    books.execute(update(update_attempts).where(*same).values(told))


def _note_committed(books: Connection, device_id: str, counter: int, now: datetime) -> None:
    checks = update_checks.c
    raised = update(update_checks).where(checks.device_id == device_id, checks.highest < counter)
    if books.execute(raised.values(highest=counter)).rowcount:
        return
    if books.execute(select(checks.device_id).where(checks.device_id == device_id)).first() is None:
        version = books.execute(select(releases.c.version).where(releases.c.counter == counter)).scalar_one()
        row = {"device_id": device_id, "version": version, "asked_at": now, "highest": counter}
        books.execute(insert(update_checks).values(row))
