"""Lets go of what the audit trail has kept for long enough, hour by hour, as long as the server runs."""

from __future__ import annotations

import logging

from pi_auto.server.api.writing import committed
from pi_auto.server.audit.reading import prune
from pi_auto.server.context import Context

_EVERY = 3600.0  # seconds
_log = logging.getLogger(__name__)


def prune_on(context: Context) -> None:
    """Prune at once, and then every hour."""
    while True:
        try:
            prune_all(context)
        except Exception as error:  # noqa: BLE001 - the books may be busy: an hour later is soon enough
            _log.warning("the audit trail could not be pruned: %s", error)
        if context.stopping.wait(_EVERY):
            return


def prune_all(context: Context) -> int:
    """Let go of everything that is too old, in short transactions; how many rows that were."""
    gone = 0
    while now := committed(context, lambda books: prune(books, context.clock())):
        gone += now
    return gone
