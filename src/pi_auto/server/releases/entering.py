"""Keeps the books' copy of what the signed targets list, for queries alone: nobody believes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from tuf.api.metadata import Targets

from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.releases.listed import Listed, releases_in
from pi_auto.server.releases.roles import read
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.releases.tables import releases


def enter(books: Connection, listed: Collection[Listed], by: str, now: datetime) -> None:
    """Bring the books to what the signed targets list; what they list no more is withdrawn."""
    rows = {row.update_id: row for row in books.execute(select(releases)).all()}
    for one in listed:
        row = rows.get(one.sha256)
        if row is None:
            books.execute(insert(releases).values(_row(one) | {"published_at": now, "published_by": by}))
        elif row.least_counter != one.release.least_counter:
            same = update(releases).where(releases.c.update_id == one.sha256)
            books.execute(same.values(least_counter=one.release.least_counter))
    gone = [row.update_id for row in rows.values() if row.withdrawn_at is None]
    for update_id in set(gone) - {one.sha256 for one in listed}:
        withdrawn = update(releases).where(releases.c.update_id == update_id)
        books.execute(withdrawn.values(withdrawn_at=now, withdrawn_by=by))


def enter_all(context: Context, by: str) -> None:
    """The same with what is served now: after a publishing, and at each start."""
    shelf = Shelf(context.settings.data)

    def job(books: Connection) -> None:
        # Read here, where one comes after the other: what was read before a newer publishing would withdraw that.
        if (targets := shelf.targets()) is not None:
            enter(books, listed_in(targets), by, context.clock())

    committed(context, job)


def listed_in(targets: bytes) -> list[Listed]:
    """The releases in targets that were verified when they came."""
    return releases_in(read(targets, Targets, "the targets").signed)


def _row(one: Listed) -> dict[str, object]:
    release = one.release
    return {
        "counter": release.counter,
        "version": release.version,
        "target": release.target,
        "update_id": one.sha256,
        "size": one.size,
        "notes": release.notes,
        "least_counter": release.least_counter,
    }
