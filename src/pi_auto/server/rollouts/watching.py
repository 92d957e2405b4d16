"""Looks for devices of which nothing is heard: fallen silent, or updated with a report that was lost.

One that took a newer release before it could finish with this one, or was pinned meanwhile and asks on, is no
failure, and no success either: its roll-out forgets that it was offered this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from pi_auto.server.rollouts import steps
from pi_auto.server.rollouts.booking import write
from pi_auto.server.rollouts.facts import ATTEMPT, attempt_in
from pi_auto.server.rollouts.tables import BY_PIN
from pi_auto.server.store.statements import all_rows, execute, first_row, moment_in, moments

SILENCE_OF_PINS = timedelta(hours=2)
MOST_SEEN, MOST_SETTLED = 500, 100  # in one transaction: devices wait for it
_ATTEMPTS = ", ".join(f"a.{name}" for name in ATTEMPT.split(", "))
_QUIET = f"""
    SELECT a.rollout_id, a.device_id, a.counter, r.version, o.silence, c.version, c.asked_at, c.highest, n.counter,
        p.counter, {_ATTEMPTS}
    FROM update_attempts AS a JOIN releases AS r ON r.counter = a.counter
    LEFT JOIN rollouts AS o ON o.id = a.rollout_id
    LEFT JOIN update_checks AS c ON c.device_id = a.device_id
    LEFT JOIN releases AS n ON n.version = c.version
    LEFT JOIN update_pins AS p ON p.device_id = a.device_id
    WHERE a.step IN ('offered', 'downloading', 'verified', 'trial') AND a.heard_at <= ? {{}}
    ORDER BY a.heard_at LIMIT ?
"""  # noqa: S608 - names of our own columns
_UNDER_WAY = """
    SELECT DISTINCT a.rollout_id, o.silence
    FROM update_attempts AS a LEFT JOIN rollouts AS o ON o.id = a.rollout_id
    WHERE a.step IN ('offered', 'downloading', 'verified', 'trial')
"""
_FORGET = "DELETE FROM update_attempts WHERE rollout_id = ? AND device_id = ? AND counter = ?"
_BEAT = "SELECT reported, last_heartbeat_at FROM devices WHERE device_id = ?"
_SHORTEST = timedelta(minutes=10)  # that a roll-out's silence may be


def look_after(books: Connection, now: datetime) -> int:
    """Note who has fallen silent, and who was seen running the release though nothing was told; how many."""
    settled = 0
    for row in _quiet(books, now):
        settled += _look_at(books, row, now)
        if settled == MOST_SETTLED:
            break
    return settled


def _quiet(books: Connection, now: datetime) -> Iterator[Any]:
    """Those of each roll-out that are overdue, then those heard longest ago, which may have days left."""
    moment = moments(books.dialect)
    for rollout, silence in all_rows(books, _UNDER_WAY):
        since = moment(now - _longest(silence))
        yield from all_rows(books, _QUIET.format("AND a.rollout_id = ?"), (since, rollout, MOST_SETTLED))
    yield from all_rows(books, _QUIET.format(""), (moment(now - _SHORTEST), MOST_SEEN))


def _longest(silence: int | None) -> timedelta:
    return SILENCE_OF_PINS if silence is None else timedelta(seconds=silence)


def _look_at(books: Connection, row: Any, now: datetime) -> bool:
    rollout, device_id, counter, version, silence, said, asked_at, highest, runs, pin, *values = row
    before = attempt_in(values)
    asked = moment_in(asked_at) if said == version else None
    seen = max((moment for moment in (asked, _beat(books, device_id, version)) if moment), default=None)
    after = steps.seen_running(before, seen, now) if seen else before
    if after is before:
        after = steps.fell_silent(before, _longest(silence), now)
        is_newer = max(highest or 0, runs or 0) > counter
        is_pinned = pin is not None and rollout != BY_PIN and (moment_in(asked_at) or now) > before.heard_at
        if after is not before and not before.failures and (is_newer or is_pinned):
            return bool(execute(books, _FORGET, (rollout, device_id, counter)))
    return write(books, (rollout, device_id, counter), before, after, now)


def _beat(books: Connection, device_id: str, version: str) -> datetime | None:
    """Its last heartbeat, if that told of this version."""
    reported, at = first_row(books, _BEAT, (device_id,))
    said = json.loads(reported) if isinstance(reported, str) else reported
    told = said.get("client_version") if isinstance(said, dict) else None
    return moment_in(at) if told == version else None
