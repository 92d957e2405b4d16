"""Books a batch of the API and writes the acknowledgement: one writer's job per batch."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pi_auto.server.scans.booking import Way, book, note_contact, note_refusal
from pi_auto.server.scans.settling import Progress, Step, settle
from pi_auto.server.store.statements import execute, first_row
from pi_auto.wire.batch import MOST_RECORDS, Acknowledgement, Batch
from pi_auto.wire.ids import Position

_PROGRESS = "SELECT through, asked FROM spools WHERE device_id = ? AND spool = ?"
_ADVANCE = """
    INSERT INTO spools (device_id, spool, through, asked) VALUES (?, ?, ?, ?)
    ON CONFLICT (device_id, spool) DO UPDATE SET through = excluded.through, asked = excluded.asked
"""


def book_batch(connection: Connection, device_id: str, batch: Batch, way: Way, now: datetime) -> Acknowledgement:
    """Book what is good, note what is not, and settle the whole batch."""
    flagged = book(connection, device_id, (*batch.scans, *batch.incidents), way, now)
    step = _settle(connection, device_id, batch)
    for reason in _reasons(batch, step):
        note_refusal(connection, device_id, way, reason, now)
    note_contact(connection, device_id, now)
    return Acknowledgement(
        settled=Position(batch.spool, batch.through),
        refused=batch.refused,
        flagged=flagged[:MOST_RECORDS],
        resend_from=Position(batch.spool, step.resend_from) if step.resend_from else None,
    )


def _reasons(batch: Batch, step: Step) -> list[str]:
    """What of the batch, or before it, will never be booked; the same for the same batch sent again."""
    place = f"spool {batch.spool}, numbers {batch.first} to {batch.through}"
    reasons = [f"{place}: {refusal.error}" for refusal in batch.refused]
    if step.lost:
        first, last = step.lost
        reasons.append(f"spool {batch.spool}, numbers {first} to {last} are missing: {step.reason}")
    return reasons


def _settle(connection: Connection, device_id: str, batch: Batch) -> Step:
    spool = (device_id, batch.spool)
    row = first_row(connection, _PROGRESS, spool)
    before = Progress(*row) if row else Progress()
    step = settle(before, batch.first, batch.through, batch.oldest)
    if row is None or step.progress != before:
        execute(connection, _ADVANCE, (*spool, step.progress.through, step.progress.asked))
    return step
