"""Reads out of the books what a decision about a device, or about a roll-out, rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.rules import OFFERING, Candidate, Facts, Pinned, State, Target
from pi_auto.server.rollouts.stages import BUCKETS, Device, bucket_of, read_stages
from pi_auto.server.rollouts.steps import Attempt
from pi_auto.server.rollouts.tables import (
    BY_PIN,
    device_groups,
    device_tags,
    maintenance_windows,
    rollouts,
    update_attempts,
    update_checks,
    update_pins,
)
from pi_auto.server.rollouts.windows import Window, parse_days

DEVICE, GROUP, FLEET = "device", "group", "fleet"
ATTEMPT = (
    "step", "attempts", "failures", "offered_at", "heard_at", "said_at", "reason", "percent", "failed_at",
    "ended_at",
)  # fmt: skip
_PHASE = -1  # of no roll-out: a device's own place in the hour


def facts_of(connection: Connection, device_id: str, version: str) -> Facts:
    """All that is known of a device that runs this version."""
    group = group_of(connection, device_id)
    return Facts(
        version=version,
        counter=counter_of(connection, version),
        highest=_highest(connection, device_id),
        pin=_pin(connection, device_id),
        candidates=_candidates(connection, device_id, group),
        window=window_of(connection, device_id, group),
        phase=bucket_of(_PHASE, device_id) / BUCKETS,
    )


def counter_of(connection: Connection, version: str) -> int:
    """The counter of a version; 0 where it is no release of ours."""
    return connection.execute(select(releases.c.counter).where(releases.c.version == version)).scalar() or 0


def group_of(connection: Connection, device_id: str) -> str | None:
    """The group that a device is in."""
    return connection.execute(select(device_groups.c.name).where(device_groups.c.device_id == device_id)).scalar()


def window_of(connection: Connection, device_id: str, group: str | None) -> Window | None:
    """The device's window, else its group's, else the fleet's; None: at any time."""
    return closest_window(windows(connection, device_id, group), device_id, group)


def windows(
    connection: Connection, device_id: str | None = None, group: str | None = None
) -> dict[tuple[str, str], Window]:
    """Windows by what they are of: those that may be this device's, or all."""
    query = select(maintenance_windows)
    if device_id is not None:
        query = query.where(maintenance_windows.c.name.in_([device_id, group or "", ""]))
    return {(row.kind, row.name): _window(row) for row in connection.execute(query)}


def closest_window(known: Mapping[tuple[str, str], Window], device_id: str, group: str | None) -> Window | None:
    """Of all windows the one that holds for a device."""
    return known.get((DEVICE, device_id)) or known.get((GROUP, group or "")) or known.get((FLEET, ""))


def attempt_of(row: Row[Any] | None) -> Attempt | None:
    """A row of `update_attempts` as the rules take it."""
    return Attempt(**{name: getattr(row, name) for name in ATTEMPT}) if row else None


def find_attempt(connection: Connection, rollout: int, device_id: str, counter: int) -> Attempt | None:
    """What a device has made of a release, by a roll-out or by its pin."""
    of = update_attempts.c
    query = select(update_attempts).where(
        of.rollout_id == rollout, of.device_id == device_id, of.counter == counter
    )
    return attempt_of(connection.execute(query).first())


def target_of(row: Row[Any]) -> Target:
    """A row that has a release's columns, as it may be offered."""
    return Target(row.counter, row.version, mandatory=row.mandatory, withdrawn=row.withdrawn_at is not None)


def candidate_of(row: Row[Any], device_id: str, group: str | None, tags: frozenset[str]) -> Candidate:
    """A roll-out with its release, before one device."""
    return Candidate(
        rollout=row.id,
        target=target_of(row),
        state=State(row.state),
        stages=read_stages(row.stages),
        stage=row.stage,
        stage_at=row.stage_at,
        device=Device(bucket_of(row.id, device_id), group, tags),
        attempts=row.attempts,
        urgent=bool(row.urgent),
    )


def _candidates(connection: Connection, device_id: str, group: str | None) -> tuple[Candidate, ...]:
    rows = connection.execute(offering()).all()
    if not rows:
        return ()
    tags = frozenset(
        connection.execute(select(device_tags.c.tag).where(device_tags.c.device_id == device_id)).scalars()
    )
    of = update_attempts.c
    made = connection.execute(select(update_attempts).where(of.device_id == device_id, of.rollout_id != BY_PIN))
    attempts = {row.rollout_id: attempt_of(row) for row in made}
    return tuple(replace(candidate_of(row, device_id, group, tags), attempt=attempts.get(row.id)) for row in rows)


def offering() -> Any:
    """Roll-outs that offer something, with their releases, the highest release first."""
    same = releases.c.counter == rollouts.c.counter
    columns = (releases.c.version, releases.c.mandatory, releases.c.withdrawn_at)
    return (
        select(rollouts, *columns)
        .join(releases, same)
        .where(rollouts.c.state.in_(OFFERING), releases.c.withdrawn_at.is_(None))
        .order_by(rollouts.c.counter.desc())
        .limit(32)  # those below are of releases that hardly any device lacks
    )


def _highest(connection: Connection, device_id: str) -> int:
    query = select(update_checks.c.highest).where(update_checks.c.device_id == device_id)
    return connection.execute(query).scalar() or 0


def _pin(connection: Connection, device_id: str) -> Pinned | None:
    query = (
        select(releases)
        .join(update_pins, update_pins.c.counter == releases.c.counter)
        .where(update_pins.c.device_id == device_id)
    )
    row = connection.execute(query).first()
    return Pinned(target_of(row), find_attempt(connection, BY_PIN, device_id, row.counter)) if row else None


def _window(row: Row[Any]) -> Window:
    return Window(parse_days(row.days), row.begins, row.ends, row.zone)
