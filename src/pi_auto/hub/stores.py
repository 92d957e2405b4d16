"""Opens what a hub keeps, in an order that loses nothing, and closes it with the stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import NamedTuple

from pi_auto.hub.complaints import Complaints
from pi_auto.hub.database import Database
from pi_auto.hub.eventlog.log import EventLog
from pi_auto.hub.eventlog.record import Record
from pi_auto.hub.kept_sessions import KeptSessions
from pi_auto.hub.mailbox import Mailbox
from pi_auto.hub.methods import Methods
from pi_auto.hub.options import Options
from pi_auto.hub.policies import Policies
from pi_auto.hub.presence import Presences
from pi_auto.hub.registry import Registry
from pi_auto.hub.services import Services
from pi_auto.hub.switchboard import Switchboard
from pi_auto.hub.twins import Twins
from pi_auto.wire import hublink


class Stores(NamedTuple):
    """The files of a hub and the parts that use them; `found` was the newest event when they were opened."""

    database: Database
    log: EventLog
    services: Services
    found: int

    async def drain(self, patience: float) -> None:
        """Wait until all that is under way is on disk, at most so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.database.drained()  # first: what it answers becomes events
                await self.log.drained()
        await asyncio.sleep(0)  # the answers go out


async def open_stores(stack: AsyncExitStack, options: Options, failed: Callable[[str], None]) -> Stores:
    """The hub's parts; `failed` is told once if the disk cannot be trusted. Raises OperatorError."""
    database = Database(options.data / "registry.sqlite")
    stack.push_async_callback(database.close)
    log = EventLog(options.data / "events", failed)
    stack.push_async_callback(log.close)
    found = log.newest
    for device_id in sorted(log.left_connected):  # the hub was killed, and their connections with it
        log.append(Record(hublink.DISCONNECTED, device_id, time.time_ns() // 1_000_000))
    return Stores(database, log, await _services(options, database, log), found)


async def _services(options: Options, database: Database, log: EventLog) -> Services:
    switchboard = Switchboard()
    return Services(
        host=options.name,
        log=log,
        registry=await Registry.load(database),
        twins=Twins(database),
        switchboard=switchboard,
        complaints=Complaints(),
        methods=Methods(switchboard),
        mailbox=Mailbox(database, switchboard),
        kept_sessions=await KeptSessions.load(database),
        throttles=options.throttles(),
        policies=await Policies.load(database),
        presences=await Presences.load(database, switchboard, log.left_connected),
    )
