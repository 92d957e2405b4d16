"""Reads out of the books what a decision about a device rests on.

Ten thousand devices ask each hour, and all of them at once after an outage: hence plain SQL, a handful
of short statements a device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from pi_auto.server.rollouts.candidates import Candidate, Facts, Pinned, State, Target
from pi_auto.server.rollouts.stages import BUCKETS, Device, Stage, bucket_of, read_stages
from pi_auto.server.rollouts.steps import Attempt
from pi_auto.server.rollouts.tables import BY_PIN
from pi_auto.server.rollouts.windows import OWN, Window, parse_days
from pi_auto.server.store.statements import all_rows, first_row, moment_in

DEVICE, GROUP, FLEET = "device", "group", "fleet"
ATTEMPT = "step, attempts, failures, offered_at, heard_at, said_at, reason, percent, failed_at, ended_at"
Attempts = Mapping[tuple[int, int], Attempt]  # of a device, by roll-out and counter
_PHASE = -1  # of no roll-out: a device's own place in the hour
_OFFERING = """
    SELECT o.id, o.state, o.stages, o.stage, o.stage_at, o.attempts, o.urgent, r.counter, r.version,
        r.least_counter
    FROM rollouts AS o JOIN releases AS r ON r.counter = o.counter
    WHERE o.state IN ('running', 'completed') AND r.withdrawn_at IS NULL
    ORDER BY CASE o.state WHEN 'running' THEN 0 ELSE 1 END, o.counter DESC LIMIT 32
"""  # all that run (planning.MOST_OFFERING), and the newest of those that are complete
_DEVICE = """
    SELECT (SELECT highest FROM update_checks WHERE device_id = ?),
        (SELECT name FROM device_groups WHERE device_id = ?),
        (SELECT counter FROM update_pins WHERE device_id = ?),
        (SELECT counter FROM releases WHERE version = ?)
"""
_RELEASE = "SELECT counter, version, withdrawn_at IS NOT NULL, least_counter FROM releases WHERE counter = ?"
_TAGS = "SELECT tag FROM device_tags WHERE device_id = ?"
_ATTEMPTS = f"SELECT rollout_id, counter, {ATTEMPT} FROM update_attempts WHERE device_id = ?"  # noqa: S608 - our own names
_REPORTED = "SELECT reported FROM devices WHERE device_id = ?"
_WINDOWS = "SELECT kind, name, days, begins, ends, zone FROM maintenance_windows"


def facts_of(books: Connection, device_id: str, version: str, attempts: Attempts | None = None) -> Facts:
    """All that is known of a device that runs this version; its attempts, where they were read already."""
    highest, group, pin, counter = first_row(books, _DEVICE, (device_id, device_id, device_id, version))
    made = attempts_of(books, device_id) if attempts is None else attempts
    pinned = _pinned(books, pin, made) if pin is not None else None
    candidates = () if pinned else tuple(_candidates(books, device_id, group, made))
    targets = [pinned.target] if pinned else [each.target for each in candidates]
    is_short = any(each.least > max(counter or 0, highest or 0) for each in targets)
    return Facts(
        version=version,
        counter=counter or 0,
        highest=highest or 0,
        floor=_floor(books, device_id) if is_short else 0,
        pin=pinned,
        candidates=candidates,
        window=window_of(books, windows(books, device_id, group), device_id, group),
        phase=bucket_of(_PHASE, device_id) / BUCKETS,
    )


def attempts_of(books: Connection, device_id: str) -> Attempts:
    """What a device has made of each release that it was offered."""
    return {(row[0], row[1]): attempt_in(row[2:]) for row in all_rows(books, _ATTEMPTS, (device_id,))}


def attempt_in(values: Any) -> Attempt:
    """The columns `ATTEMPT` of a row as the rules take them."""
    step, attempts, failures, offered_at, heard_at, said_at, reason, percent, failed_at, ended_at = values
    moments = [moment_in(value) for value in (said_at, failed_at, ended_at)]
    offered, heard = moment_in(offered_at), moment_in(heard_at)
    if offered is None or heard is None:
        raise ValueError("an attempt without the moment of its offer")
    said, failed, ended = moments
    return Attempt(step, attempts, failures, offered, heard, said, reason, percent, failed, ended)


def windows(
    books: Connection, device_id: str | None = None, group: str | None = None
) -> dict[tuple[str, str], Window]:
    """Windows by what they are of: those that may be this device's, or all."""
    if device_id is None:
        rows = all_rows(books, _WINDOWS)
    else:
        rows = all_rows(books, f"{_WINDOWS} WHERE name IN (?, ?, '')", (device_id, group or ""))
    return {(kind, name): Window(parse_days(days), *rest) for kind, name, days, *rest in rows}


def window_of(
    books: Connection, known: Mapping[tuple[str, str], Window], device_id: str, group: str | None
) -> Window | None:
    """The one that counts for a device, by the clock that it goes by."""
    window = closest_window(known, device_id, group)
    if window is None or window.zone != OWN:
        return window
    zone = _reported(books, device_id).get("zone")
    return window.at(zone if isinstance(zone, str) else None)


def _floor(books: Connection, device_id: str) -> int:
    """The counter that the device says it is at; 0 where it says none: the books may know less than it does."""
    update = _reported(books, device_id).get("update")
    counter = update.get("counter") if isinstance(update, dict) else None
    return counter if isinstance(counter, int) and not isinstance(counter, bool) and 0 < counter < 2**63 else 0


def _reported(books: Connection, device_id: str) -> dict[str, Any]:
    """What it has told of itself last, unchecked."""
    (reported,) = first_row(books, _REPORTED, (device_id,)) or (None,)
    told = json.loads(reported) if isinstance(reported, str) else reported
    return told if isinstance(told, dict) else {}


def closest_window(known: Mapping[tuple[str, str], Window], device_id: str, group: str | None) -> Window | None:
    """The device's window, else its group's, else the fleet's; None: at any time."""
    return known.get((DEVICE, device_id)) or known.get((GROUP, group or "")) or known.get((FLEET, ""))


def _pinned(books: Connection, counter: int, made: Attempts) -> Pinned:
    row = first_row(books, _RELEASE, (counter,))
    return Pinned(Target(row[0], row[1], bool(row[2]), row[3]), made.get((BY_PIN, counter)))


def _candidates(books: Connection, device_id: str, group: str | None, made: Attempts) -> Iterable[Candidate]:
    rows = all_rows(books, _OFFERING)
    tags = frozenset(tag for (tag,) in all_rows(books, _TAGS, (device_id,))) if rows else frozenset()
    for number, state, stages, stage, stage_at, attempts, urgent, counter, version, least in rows:
        yield Candidate(
            rollout=number,
            target=Target(counter, version, least=least),
            state=State(state),
            stages=_stages(stages if isinstance(stages, str) else json.dumps(stages)),
            stage=stage,
            stage_at=moment_in(stage_at),
            device=Device(bucket_of(number, device_id), group, tags),
            attempts=attempts,
            attempt=made.get((number, counter)),
            urgent=bool(urgent),
        )


@lru_cache(64)
def _stages(text: str) -> tuple[Stage, ...]:
    return read_stages(json.loads(text))
