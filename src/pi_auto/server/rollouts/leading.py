"""Looks after the roll-outs as long as the server runs: who has fallen silent, which stage is over.

One server holds the data folder, and so leads. Whatever is done here is a transaction that may be run
again: killed in between, the next look does the rest.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.rollouts.moving import move_all
from pi_auto.server.rollouts.watching import look_after

LOOKS_EVERY = 10.0  # seconds
_log = logging.getLogger(__name__)


def lead_on(context: Context) -> None:
    """Look every some seconds, until the server stops."""
    while not context.stopping.wait(LOOKS_EVERY):
        try:
            look(context)
        except Exception as error:  # noqa: BLE001 - the books may be busy: it looks again
            _log.warning("the roll-outs could not be looked after: %s", error)


def look(context: Context) -> None:
    """One look."""

    def job(books: Connection) -> tuple[int, int]:
        now = context.clock()
        return look_after(books, now), move_all(books, now)

    settled, moved = committed(context, job)
    if settled or moved:
        _log.info("roll-outs: %d devices settled, %d roll-outs moved", settled, moved)
