"""Who would be offered a release by a roll-out, and when; in pages as in report.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from pi_auto.server.rollouts.facts import window_of, windows
from pi_auto.server.rollouts.members import members_of
from pi_auto.server.rollouts.report import PAGE
from pi_auto.server.rollouts.stages import read_stages
from pi_auto.wire.times import format_time

_ASKS_WITHIN = timedelta(hours=1)


def simulate(
    books: Connection, row: Row[Any], start: datetime, after: str = "", most: int = PAGE
) -> list[dict[str, Any]]:
    """Who would be offered the release from when on, were it started then and did nothing fail."""
    stages, known = read_stages(row.stages), windows(books)
    begins = [start]
    for stage in stages[:-1]:
        begins.append(begins[-1] + timedelta(seconds=stage.soak))
    found = []
    for each in members_of(books, row, stages, after):
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
