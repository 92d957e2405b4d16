"""Books what devices ask and tell about updates, in the transaction that decides.

Every step is kept once, however often it is told, some hundreds a device; what they come to is one row
a device and release. A failure is judged at once: the next device that asks finds the roll-out paused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pi_auto.server.rollouts import steps
from pi_auto.server.rollouts.deciding import answer
from pi_auto.server.rollouts.facts import ATTEMPT, Attempts, attempts_of, facts_of
from pi_auto.server.rollouts.moving import pause_if_failing
from pi_auto.server.rollouts.rules import Yes, choose
from pi_auto.server.rollouts.tables import BY_PIN
from pi_auto.server.store.statements import execute, first_row, moments
from pi_auto.server.store.text import storable
from pi_auto.wire.update import COMMITTED, NoUpdate, Offer, UpdateStatus

MOST_REPORTS = 200  # kept of a device, the newest
Key = tuple[int, str, int]  # roll-out, device, counter

_SEEN = """
    INSERT INTO update_checks (device_id, version, asked_at, highest) VALUES (?, ?, ?, ?)
    ON CONFLICT (device_id) DO UPDATE SET version = excluded.version, asked_at = excluded.asked_at
"""
_COMMITTED = """
    INSERT INTO update_checks (device_id, version, asked_at, highest)
    SELECT ?, version, ?, counter FROM releases WHERE counter = ?
    ON CONFLICT (device_id) DO UPDATE SET highest =
        CASE WHEN update_checks.highest < excluded.highest THEN excluded.highest ELSE update_checks.highest END
"""
_MEANT = """
    SELECT a.rollout_id, a.counter FROM update_attempts AS a JOIN releases AS r ON r.counter = a.counter
    WHERE a.device_id = ? AND {} ORDER BY a.offered_at DESC LIMIT 1
"""
_INTO = f"(rollout_id, device_id, counter, stage, first_at, {ATTEMPT})"
_ADD = f"INSERT INTO update_attempts {_INTO} VALUES ({{}})"  # noqa: S608 - names of our own columns
_CHANGE = "UPDATE update_attempts SET {} WHERE rollout_id = ? AND device_id = ? AND counter = ?"
_COLUMNS = ATTEMPT.split(", ")
_REPORT = ("device_id", "version", "status", "step", "update_id", "percent", "reason", "said_at")
_OLD_REPORTS = """
    DELETE FROM update_reports WHERE device_id = ? AND id <=
        (SELECT id FROM update_reports WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)
"""


def ask(books: Connection, device_id: str, version: str, now: datetime) -> NoUpdate | Offer:
    """The answer to a device of the books, and that it was given."""
    made = attempts_of(books, device_id)
    facts = facts_of(books, device_id, version, made)
    execute(books, _SEEN, (device_id, version, moments(books.dialect)(now), 0))
    _note_running(books, device_id, facts.counter, made, now)
    choice = choose(facts, now)
    if isinstance(choice, Yes):
        _note_offer(books, (choice.rollout, device_id, choice.target.counter), choice.stage, made, now)
    return answer(books, facts, choice)


def tell(books: Connection, status: UpdateStatus, now: datetime, *, proven: bool = True) -> bool:
    """Keep a report of a device of the books, and what it comes to; whether it was new.

    Of one that has not proved who it is the report is kept, and moves nothing.
    """
    if not _keep(books, status, now) or not proven:
        return False
    named = "r.update_id = ?" if status.update_id else "r.version = ?"
    meant = (status.device_id, status.update_id or status.version)
    if row := first_row(books, _MEANT.format(named), meant):
        before = attempts_of(books, status.device_id)[row[0], row[1]]
        write(books, (row[0], status.device_id, row[1]), before, steps.told(before, status, now), now)
    return True


def write(books: Connection, key: Key, before: steps.Attempt, after: steps.Attempt, now: datetime) -> bool:
    """Keep what became of an attempt, and judge its roll-out by it; whether anything did."""
    if after is before:
        return False
    news = dict(zip(_COLUMNS, _values(books, after), strict=True))
    execute(books, _CHANGE.format(", ".join(f"{name} = ?" for name in news)), (*news.values(), *key))
    rollout, device_id, counter = key
    if after.step == COMMITTED:
        execute(books, _COMMITTED, (device_id, moments(books.dialect)(now), counter))
    if after.failures > before.failures and rollout != BY_PIN:
        pause_if_failing(books, rollout, now)
    return True


def _note_running(books: Connection, device_id: str, counter: int, made: Attempts, now: datetime) -> None:
    """For what it runs the report of the commit was lost, if it was."""
    for (rollout, offered), before in made.items():
        if offered == counter:
            write(books, (rollout, device_id, counter), before, steps.seen_running(before, now, now), now)


def _note_offer(books: Connection, key: Key, stage: int, made: Attempts, now: datetime) -> None:
    before = made.get((key[0], key[2]))
    if before:
        write(books, key, before, steps.offered_again(before, now), now)
        return
    values = (*key, stage, moments(books.dialect)(now), *_values(books, steps.first_offer(now)))
    execute(books, _ADD.format(", ".join("?" * len(values))), values)


def _keep(books: Connection, status: UpdateStatus, now: datetime) -> bool:
    """Add the report, unless it is there; the oldest go when a device tells very much."""
    moment = moments(books.dialect)
    told: tuple[Any, ...] = (
        status.device_id, status.version, status.status, status.step, status.update_id, status.percent,
        storable(status.reason) if status.reason else None, moment(status.timestamp),
    )  # fmt: skip
    same = " AND ".join(
        f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in zip(_REPORT, told, strict=True)
    )
    known = tuple(value for value in told if value is not None)
    if first_row(books, f"SELECT 1 FROM update_reports WHERE {same}", known):  # noqa: S608 - our own names
        return False
    names, marks = ", ".join(_REPORT), ", ".join("?" * len(told))
    add = f"INSERT INTO update_reports ({names}, received_at) VALUES ({marks}, ?)"  # noqa: S608 - the same
    execute(books, add, (*told, moment(now)))
    execute(books, _OLD_REPORTS, (status.device_id, status.device_id, MOST_REPORTS))
    return True


def _values(books: Connection, attempt: steps.Attempt) -> tuple[Any, ...]:
    """An attempt's columns, in the order of `ATTEMPT`."""
    found = (getattr(attempt, name) for name in _COLUMNS)
    moment = moments(books.dialect)
    return tuple(
        moment(value) if isinstance(value, datetime) else storable(value) if isinstance(value, str) else value
        for value in found
    )
