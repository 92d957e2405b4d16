"""Reads scans and incidents out of the books.

Rows of scans carry the columns of the table `scans`, `flagged`, whether another version of the
same scan is kept in `conflicts`, and `cloned`, whether two devices had the sender's key when it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, exists, func, select

from pi_auto.server.enrolment.tables import clone_spans
from pi_auto.server.scans.tables import conflicts, scans
from pi_auto.server.store.text import storable

MOST_IN_PAGE = 1000
_FEW = 10_000  # scans that are sorted faster than they are looked for among all others


@dataclass(frozen=True, slots=True)
class ScanFilter:
    """Which scans: of one device, scanned from `since` up to before `until`, whose text contains `text`.

    They come in the order of booking, newest first unless `oldest_first`; `beyond` leaves out
    the row of that id and all before it in that order.
    """

    device_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    limit: int | None = None
    oldest_first: bool = False
    beyond: int | None = None


def find_scans(connection: Connection, wanted: ScanFilter) -> Iterator[Row[Any]]:
    """The scans that pass the filter."""
    return iter(connection.execute(_query(wanted)))


def page_scans(engine: Engine, wanted: ScanFilter) -> Iterator[Sequence[Row[Any]]]:
    """The same in pages, each read by itself: a slow download holds neither a reader nor a snapshot."""
    left = wanted.limit
    while left is None or left > 0:
        most = MOST_IN_PAGE if left is None else min(left, MOST_IN_PAGE)
        with engine.connect() as connection:
            few = _is_few(connection, wanted)
            page = connection.execute(_query(replace(wanted, limit=most), few=few)).all()
        if page:
            yield page
        if len(page) < most:
            return
        wanted = replace(wanted, beyond=page[-1].id)
        left = None if left is None else left - most


def find_changed(connection: Connection, wanted: ScanFilter, after: int) -> Sequence[Row[Any]]:
    """The scans that pass the filter and whose change number is above `after`; no others are looked at."""
    return connection.execute(_query(wanted, few=True).where(scans.c.changed > after)).all()


def scans_changed_after(connection: Connection, after: int, most: int = 500) -> Sequence[Row[Any]]:
    """Scans whose change number is above `after`, in its order, at most so many."""
    changed = _select_scans().where(scans.c.changed > after).order_by(scans.c.changed).limit(most)
    return connection.execute(changed).all()


def _is_few(connection: Connection, wanted: ScanFilter) -> bool | None:
    """Whether the times asked for hold few scans; nothing where that is no question. Looks at so many at most."""
    if wanted.device_id is not None or wanted.beyond is not None or wanted.since is wanted.until is None:
        return None
    counted = select(scans.c.scanned_at).where(*_within(wanted, scans.c.scanned_at)).limit(_FEW).subquery()
    return (connection.execute(select(func.count()).select_from(counted)).scalar() or 0) < _FEW


def _query(wanted: ScanFilter, *, few: bool | None = None) -> Select[Any]:
    # By the index of times every page would be found by sorting all that is left; in the order of ids, the
    # index has to be kept out of it. The first page is different: it may be all there is of a few minutes, and
    # then it is the order of ids that has to be kept out, or all books are read for it.
    number: ColumnElement[Any] = scans.c.id
    scanned: ColumnElement[Any] = scans.c.scanned_at
    if few:
        number = func.coalesce(number, number)
    elif few is False or wanted.beyond is not None:
        scanned = func.coalesce(scanned, scanned)
    query = _select_scans().where(*_within(wanted, scanned))
    if wanted.device_id is not None:
        query = query.where(scans.c.device_id == wanted.device_id)
    if wanted.text is not None:
        query = query.where(scans.c.text.contains(storable(wanted.text), autoescape=True))
    if wanted.beyond is not None:
        query = query.where(scans.c.id > wanted.beyond if wanted.oldest_first else scans.c.id < wanted.beyond)
    query = query.order_by(number.asc() if wanted.oldest_first else number.desc())
    return query if wanted.limit is None else query.limit(wanted.limit)


def _within(wanted: ScanFilter, scanned: ColumnElement[Any]) -> Iterator[ColumnElement[bool]]:
    if wanted.since is not None:
        yield scanned >= wanted.since
    if wanted.until is not None:
        yield scanned < wanted.until


def _select_scans() -> Select[Any]:
    other = exists().where(conflicts.c.device_id == scans.c.device_id, conflicts.c.uuid == scans.c.uuid)
    spans = clone_spans.c
    over = spans.until.is_(None) | (spans.until > scans.c.received_at)
    cloned = exists().where(spans.device_id == scans.c.device_id, spans.since <= scans.c.received_at, over)
    return select(scans, other.label("flagged"), cloned.label("cloned"))
