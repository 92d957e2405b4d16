"""Lets go of what was kept for long enough: rows of the audit trail, bundles of diagnostics.

Old is what both the clock and the server's own time of running say is old (ages.py): a clock that is years
ahead, for an hour or from the start, deletes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pi_auto.ages import Ages
from pi_auto.server.api.writing import committed
from pi_auto.server.audit import reading
from pi_auto.server.calls.bundles import KEPT_FOR, Bundles
from pi_auto.server.context import Context

_EVERY = 600.0  # seconds
_log = logging.getLogger(__name__)


def keep_house(context: Context) -> None:
    """Look at once, and then every ten minutes, as long as the server runs."""
    house: House | None = None
    while True:
        try:
            house = house or House(context)
            house.tidy()
        except Exception as error:  # noqa: BLE001 - busy books, a full disk: ten minutes later is soon enough
            _log.warning("what is old could not be let go: %s", error)
        if context.stopping.wait(_EVERY):
            return


class House:
    """What one server keeps, and how old it is; `running` tells seconds that only ever rise."""

    def __init__(self, context: Context, running: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        folder = context.settings.data / "ages"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._rows = Ages(folder / "audit.json", reading.KEPT.total_seconds(), running)
        self._bundles = Ages(folder / "diagnostics.json", KEPT_FOR.total_seconds(), running)

    def tidy(self) -> None:
        """Let go of everything that is old, the rows in short transactions."""
        now = self._context.clock()
        with self._context.store.engine.connect() as connection:
            through = self._rows.old(reading.newest(connection)) or 0
        while through and committed(self._context, lambda books: reading.prune(books, now, through)):
            pass
        until = self._bundles.old(int(now.timestamp()))
        if until:
            Bundles(self._context.settings.data).let_go(now, until)
