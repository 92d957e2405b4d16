"""Books a batch of the API and writes the acknowledgement: one writer's job per batch."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pi_auto.server.fleet.contacts import note_contact
from pi_auto.server.scans.booking import Way, book
from pi_auto.server.scans.incidents import note_incident
from pi_auto.server.scans.refusals import note_refusal
from pi_auto.server.scans.settling import Progress, Step, settle
from pi_auto.server.store.statements import execute, first_row
from pi_auto.wire.batch import MOST_RECORDS, Acknowledgement, Batch
from pi_auto.wire.ids import Position

MISSING, REFUSED = "scans_missing", "records_refused"  # incidents that no device tells of: the server noticed
_PROGRESS = "SELECT through, asked FROM spools WHERE device_id = ? AND spool = ?"
_ADVANCE = """
    INSERT INTO spools (device_id, spool, through, asked) VALUES (?, ?, ?, ?)
    ON CONFLICT (device_id, spool) DO UPDATE SET through = excluded.through, asked = excluded.asked
"""


def book_batch(connection: Connection, device_id: str, batch: Batch, way: Way, now: datetime) -> Acknowledgement:
    """Book what is good, note what is not, and settle the whole batch."""
    flagged = book(connection, device_id, (*batch.scans, *batch.incidents), way, now)
    step = _settle(connection, device_id, batch)
    _note_missing(connection, device_id, batch, step, way, now)
    _note_refused(connection, device_id, batch, way, now)
    note_contact(connection, device_id, now)
    return Acknowledgement(
        settled=Position(batch.spool, batch.through),
        refused=batch.refused,
        flagged=flagged[:MOST_RECORDS],
        resend_from=Position(batch.spool, step.resend_from) if step.resend_from else None,
    )


def _note_missing(
    connection: Connection, device_id: str, batch: Batch, step: Step, way: Way, now: datetime
) -> None:
    """What lay before the batch and will never come; told once, however often the batch is sent."""
    if not step.lost:
        return
    first, last = step.lost
    reason = f"spool {batch.spool}, numbers {first} to {last} are missing: {step.reason}"
    if note_refusal(connection, device_id, way, reason, now):
        note_incident(connection, device_id, Position(batch.spool, first), MISSING, reason, now)


def _note_refused(connection: Connection, device_id: str, batch: Batch, way: Way, now: datetime) -> None:
    """What of the batch will never be booked; as above, and people are told of the first of them."""
    place = f"spool {batch.spool}, numbers {batch.first} to {batch.through}"
    reasons = [f"{place}: {refusal.error}" for refusal in batch.refused]
    news = [reason for reason in reasons if note_refusal(connection, device_id, way, reason, now)]
    if news:
        told = news[0] if len(news) == 1 else f"{len(news)} records, the first of them in {news[0]}"
        note_incident(connection, device_id, Position(batch.spool, batch.first), REFUSED, told, now)


def _settle(connection: Connection, device_id: str, batch: Batch) -> Step:
    spool = (device_id, batch.spool)
    row = first_row(connection, _PROGRESS, spool)
    before = Progress(*row) if row else Progress()
    step = settle(before, batch.first, batch.through, batch.oldest)
    if row is None or step.progress != before:
        execute(connection, _ADVANCE, (*spool, step.progress.through, step.progress.asked))
    return step
