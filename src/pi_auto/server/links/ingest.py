"""Reads the hub's events from Azure's Event Hubs; the checkpoint moves in the transaction that books them.

Several servers share the partitions. Killed anywhere, whoever reads the partition next begins
behind the last event booked: nothing is lost, and what comes twice is known by its number.
An event that cannot be booked is noted and passed by.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

from pi_auto.server.links.eventhub import LOOKS, Source
from pi_auto.server.links.reading import Reading
from pi_auto.server.links.session import Session
from pi_auto.server.store.engine import Store
from pi_auto.server.store.writer import Writer

_LAST_GROUP = 1.0  # seconds for it when the server stops


class Ingest:
    """Books the events of `source` from a thread of its own, until it is closed."""

    def __init__(self, source: Source, store: Store, writer: Writer) -> None:
        self._source, self._store, self._writer = source, store, writer
        self._reading = Reading(LOOKS * source.balance_every)
        self._stopping = False
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._read_on())
        self._thread = threading.Thread(target=self._run, name="hub-events", daemon=True)
        self._thread.start()

    def state(self) -> bool | None:
        """Whether events are being read; None while that is not known."""
        return self._reading.state()

    def stop(self) -> None:
        """Stop after the group that is being booked, without waiting for it."""
        self._stopping = True
        with suppress(RuntimeError):  # it has stopped already
            self._loop.call_soon_threadsafe(self._task.cancel)

    def close(self) -> None:
        """Stop, and wait a moment."""
        self.stop()
        self._thread.join(_LAST_GROUP)

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _read_on(self) -> None:
        pause = self._source.balance_every
        while not self._stopping:  # a client that fails while it is closed would hide that it was cancelled
            session = Session(self._source, self._store, self._writer, self._reading)
            try:
                await session.read()
            except Exception as error:  # noqa: BLE001 - whatever it was, the events must go on
                self._reading.failed(error)
            pause = self._source.balance_every if session.went_well else min(2 * pause, self._source.silence)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
