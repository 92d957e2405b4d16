"""What devices have made of the fleet's authority, as far as they have told: who took it, who refuses it, why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from pi_auto.server.releases.listing import authority_of
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.store.statements import all_rows
from pi_auto.wire.update import COMMITTED, REFUSED

_MOST_NAMED = 20  # devices
_LAST = """
    SELECT r.device_id, r.step, r.reason FROM update_reports AS r
    JOIN (SELECT device_id, MAX(id) AS last FROM update_reports
        WHERE update_id = ? AND step IN ('committed', 'refused') GROUP BY device_id) AS newest
    ON r.id = newest.last ORDER BY r.device_id
"""


def obeyed(books: Connection, shelf: Shelf) -> dict[str, Any] | None:
    """Of the authority that is signed now: by how many it was `taken`, who has `refused` it; None without one."""
    signed = authority_of(shelf)
    if signed is None:
        return None
    rows = all_rows(books, _LAST, (signed.sha256,))
    refused = [(device, reason) for device, step, reason in rows if step == REFUSED]
    return {
        "update_id": signed.sha256,
        "taken": sum(step == COMMITTED for _, step, _ in rows),
        "refused": len(refused),
        "refusals": [{"device_id": device, "reason": reason or ""} for device, reason in refused[:_MOST_NAMED]],
    }
