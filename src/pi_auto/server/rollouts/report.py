"""What each device of a roll-out has made of it; in pages by id, since a fleet does not fit into one answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from pi_auto.server.rollouts.members import Member, members_of
from pi_auto.server.rollouts.stages import read_stages
from pi_auto.wire.times import time_or_none

PAGE = 300  # devices in one answer


def report(books: Connection, row: Row[Any], after: str = "", most: int = PAGE) -> list[dict[str, Any]]:
    """What each device of a roll-out has made of it, those behind the id `after`."""
    stages = read_stages(row.stages)
    found = []
    for each in members_of(books, row, stages, after):
        if each.attempt is None and each.stage is None:
            continue
        found.append(_line(each))
        if len(found) >= most:
            break
    return found


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
        "offered": time_or_none(row and row.offered_at),
        "heard": time_or_none(row.heard_at if row else each.asked_at),
        "ended": time_or_none(row and row.ended_at),
    }
