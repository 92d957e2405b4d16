"""Sends events to a reader at the hub's Unix socket, out of the log's files: however slow, it costs no memory."""

from __future__ import annotations

import asyncio

from pi_auto.hub.answers import line_of, refusal
from pi_auto.hub.eventlog.log import EventLog


async def stream(log: EventLog, after: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send events until the peer goes, or says anything: requests belong on a connection of their own."""
    sending = asyncio.create_task(_send_events(log, after, writer))
    hearing = asyncio.create_task(reader.read(1))
    try:
        done, _ = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if hearing in done and hearing.result():
            writer.write(line_of(refusal("this connection streams events; ask on another")))
        if sending in done:
            sending.result()
    finally:
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send_events(log: EventLog, after: int, writer: asyncio.StreamWriter) -> None:
    cursor = log.reader(after)
    while True:
        await log.wait_beyond(cursor.after)
        writer.write(await asyncio.to_thread(cursor.lines, log.durable))
        await writer.drain()
