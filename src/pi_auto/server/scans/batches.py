"""Books a batch of the API and writes the acknowledgement: one writer's job per batch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from pi_auto.server.fleet.tables import spools
from pi_auto.server.scans.booking import Way, book, note_contact, note_refusal
from pi_auto.server.scans.settling import Progress, Step, settle
from pi_auto.wire.batch import MOST_RECORDS, Acknowledgement, Batch
from pi_auto.wire.ids import Position

_THIS_SPOOL = (spools.c.device_id == bindparam("device"), spools.c.spool == bindparam("uuid"))
_PROGRESS = select(spools.c.through, spools.c.asked).where(*_THIS_SPOOL)
_AFTER: dict[str, Any] = {"through": bindparam("new_through"), "asked": bindparam("new_asked")}
_ADVANCE = update(spools).where(*_THIS_SPOOL).values(_AFTER)
_BEGIN_SPOOL = insert(spools).values(device_id=bindparam("device"), spool=bindparam("uuid"), **_AFTER)


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
    spool = {"device": device_id, "uuid": batch.spool}
    row = connection.execute(_PROGRESS, spool).first()
    before = Progress(row.through, row.asked) if row else Progress()
    step = settle(before, batch.first, batch.through, batch.oldest)
    after = {"new_through": step.progress.through, "new_asked": step.progress.asked}
    if row is None:
        connection.execute(_BEGIN_SPOOL, spool | after)
    elif step.progress != before:
        connection.execute(_ADVANCE, spool | after)
    return step
