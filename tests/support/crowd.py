"""Many devices at once in one event loop, each with scans to deliver and a link that breaks at random.

A member sends its scans in order, QoS 1, and after a break again whatever has no PUBACK, as any MQTT client does.
It writes down what it has sent and what was acknowledged; Witness, on the other side, what the hub's events hold.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.hublink import TELEMETRY
from pi_auto.wire.scan import Scan
from pi_auto.wire.telemetry import telemetry_body, telemetry_topic
from support.hub import EventStream
from support.mqtt import connect_packet, publish_packet

ACCEPTED = b"\x20\x02\x00\x00"
PUBACK = b"\x40\x02"
DISCONNECT = b"\xe0\x00"
ENDINGS = ("clean", "cut", "deaf", "half")
WINDOW = 20  # messages without a PUBACK


@dataclass
class Ledger:
    """What all members have done; messages by their message-id."""

    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    breaks: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # CONNECTs that were not accepted
    strange: list[bytes] = field(default_factory=list)  # packets a hub has no reason to send


class Member:
    """One device. `pace` are the seconds between two scans, `life` those of a connection, both on average."""

    def __init__(
        self, device: ConnectionString, scans: list[Scan], ledger: Ledger, dice: random.Random, *,
        pace: float, life: float,
    ) -> None:  # fmt: skip
        self._device, self._ledger, self._dice = device, ledger, dice
        self._pace, self._life = pace, life
        self._untaken = scans[::-1]
        self._waiting: dict[str, Scan] = {}  # taken and without a PUBACK, by uuid, oldest first
        self._sent: dict[int, str] = {}  # of these the ones sent on this connection, by packet id
        self._number = 0
        self._news = asyncio.Event()

    async def deliver(self, address: tuple[str, int]) -> None:
        """Go on until everything is acknowledged."""
        await asyncio.sleep(self._dice.uniform(0, self._life))  # they do not all come at once
        taking = asyncio.create_task(self._take())
        try:
            while self._has_work():
                with suppress(OSError, EOFError):
                    await self._connect(address)
                await asyncio.sleep(self._dice.uniform(0, self._life / 4))
        finally:
            taking.cancel()

    def _has_work(self) -> bool:
        return bool(self._untaken or self._waiting)

    async def _take(self) -> None:
        """Scan, whether there is a link or not."""
        while self._untaken:
            await asyncio.sleep(self._dice.uniform(0, 2 * self._pace))
            scan = self._untaken.pop()
            self._waiting[scan.uuid] = scan
            self._news.set()

    async def _connect(self, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(connect_packet(self._device))
            answer = await asyncio.wait_for(reader.readexactly(4), 30)
            if answer == ACCEPTED:
                await self._live(reader, writer)
            else:
                self._ledger.refused += 1
        finally:
            writer.transport.abort()

    async def _live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sent.clear()
        listening = asyncio.create_task(self._listen(reader))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._dice.expovariate(1 / self._life)):
                    await self._send_all(writer, listening)
            await self._end(writer, listening)
        finally:
            listening.cancel()

    async def _send_all(self, writer: asyncio.StreamWriter, listening: asyncio.Task[None]) -> None:
        while self._has_work() and not listening.done():
            self._send_what_waits(writer)
            await writer.drain()
            self._news.clear()
            await self._news.wait()

    def _send_what_waits(self, writer: asyncio.StreamWriter) -> None:
        known = set(self._sent.values())
        unsent = [scan for uuid, scan in self._waiting.items() if uuid not in known]
        for scan in unsent[: WINDOW - len(known)]:
            self._number = self._number % 0xFFFF + 1
            self._sent[self._number] = scan.uuid
            self._ledger.sent[scan.uuid] += 1
            writer.write(self._packet(scan, self._number))

    def _packet(self, scan: Scan, number: int) -> bytes:
        name = self._device.device_id
        return publish_packet(telemetry_topic(name, scan), telemetry_body(name, scan), number=number)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._hear(await reader.readexactly(4))
        except (OSError, EOFError):
            return
        finally:
            self._news.set()

    def _hear(self, packet: bytes) -> None:
        uuid = self._sent.pop(int.from_bytes(packet[2:]), "")
        if packet[:2] != PUBACK or not uuid:
            self._ledger.strange.append(packet)
            return
        self._ledger.acknowledged.add(uuid)
        self._waiting.pop(uuid)
        self._news.set()

    async def _end(self, writer: asyncio.StreamWriter, listening: asyncio.Task[None]) -> None:
        """Break the link in one of four ways."""
        ending = self._dice.choice(ENDINGS)
        self._ledger.breaks[ending] += 1
        if ending == "clean":
            writer.write(DISCONNECT)
        elif ending == "deaf":  # what is sent now counts at the hub, and its PUBACK is never read
            listening.cancel()
            await asyncio.sleep(self._dice.uniform(0, 3 * self._pace))
            self._send_what_waits(writer)
        elif ending == "half" and self._waiting:  # the hub gets the beginning of a packet
            packet = self._packet(next(iter(self._waiting.values())), 1)
            writer.write(packet[: self._dice.randrange(1, len(packet))])
        if ending != "cut":
            await writer.drain()
            await asyncio.sleep(self._dice.uniform(0, 0.1))


class Witness:
    """Follows a hub's events over its restarts until `wanted` messages have been seen; to be used by `with`."""

    def __init__(self, socket_path: Path, wanted: int) -> None:
        self.seen: Counter[str] = Counter()
        self.senders: dict[str, str] = {}
        self.last = 0
        self.faults: list[str] = []
        self._path, self._wanted = socket_path, wanted
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def has_all(self) -> bool:
        """Whether every message was seen."""
        return len(self.seen) >= self._wanted

    def _follow(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError), EventStream(self._path, self.last) as stream:
                self._read(stream)

    def _read(self, stream: EventStream) -> None:
        while not self._stopping.is_set():
            try:
                line = stream.line(timeout=0.5)
            except AssertionError:  # nothing new
                continue
            if not line:
                return
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        number = event.get("sequence_number")
        if number != self.last + 1:
            self.faults.append(f"after event {self.last} comes {event}")
            return
        self.last = number
        if event["type"] == TELEMETRY:
            self._note(event["system_properties"]["message-id"], event["device_id"])

    def _note(self, message_id: str, sender: str) -> None:
        self.seen[message_id] += 1
        if self.senders.setdefault(message_id, sender) != sender:
            self.faults.append(f"{message_id} came from {self.senders[message_id]} and {sender}")
