"""Cloud-to-device messages: kept on disk until their device has acknowledged them or they have run out.

A message goes to its device at once if that listens, and again whenever it comes back, at
QoS 1 under the same packet identifier. A PUBACK, the expiry or a purge ends it, and the
tenth delivery that nobody has acknowledged, so that no message keeps a device from working.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from pi_auto.hub.database import Database
from pi_auto.hub.letter import Letter
from pi_auto.hub.switchboard import Switchboard
from pi_auto.wire import topics
from pi_auto.wire.times import format_time

MOST_PENDING = 50  # of one device (IoT Hub)
MOST_MESSAGE = 64 * 1024  # bytes, properties included (IoT Hub)
DEFAULT_LIFE = 3600 * 1000  # ms; IoT Hub's default time to live
MOST_DELIVERIES = 10  # of one message; IoT Hub's default
_LAST_PACKET_ID = 0xFFFF
_MOST_TOPIC = 0xFFFF  # bytes; MQTT's strings are no longer, and the properties travel in the topic


class MailboxFull(Exception):  # noqa: N818 - it is the mailbox that is full
    """So many messages wait for the device that it takes no more."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a device. A property of None has no value at all, which is not the empty text."""

    body: bytes
    message_id: str = ""
    correlation_id: str | None = None
    user_id: str | None = None
    properties: dict[str, str | None] = field(default_factory=dict)
    expires_at_ms: int | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    ack: str | None = None


class Pending(NamedTuple):
    """What waits for a device, oldest first, and how many messages were given up instead of sent once more."""

    letters: list[Letter]
    given_up: int


class Mailbox:
    """The messages of one hub that wait."""

    def __init__(self, database: Database, switchboard: Switchboard) -> None:
        self._database, self._switchboard = database, switchboard

    async def send(self, device_id: str, message: Message) -> None:
        """Store a message, durable when this returns, and hand it over if the device listens.

        Raises MailboxFull, BusyError, LookupError for a device that is not known, and ValueError for
        more than 64 KB or a time to live that is over.
        """
        now = _now()
        expires_at = now + DEFAULT_LIFE if message.expires_at_ms is None else message.expires_at_ms
        if expires_at <= now:
            raise ValueError("a message that has run out already")
        bag = encode_bag(device_id, message)
        size = len(bag) + len(message.body)
        if size > MOST_MESSAGE:
            raise ValueError(f"a message of {size} bytes with its properties; at most {MOST_MESSAGE} are allowed")
        if len(topics.devicebound(device_id)[:-1]) + len(bag) > _MOST_TOPIC:  # both are ASCII
            raise ValueError(f"properties of {len(bag)} bytes, which no topic can hold")
        line = self._switchboard.find(device_id)
        handed = line is not None and line.takes_letters
        letter = await self._database.submit(
            lambda connection: _put(connection, device_id, bag, message.body, expires_at, handed=handed)
        )
        line = self._switchboard.find(device_id)
        if line is not None:
            line.tell_letter(letter)

    def pending(self, device_id: str, besides: Collection[int] = ()) -> asyncio.Future[Pending]:
        """What waits for a device, and counts as delivered once more.

        `besides` are the packet identifiers of what the device has on this connection already.
        """
        known = frozenset(besides)
        return self._database.submit(lambda connection: _take(connection, device_id, known))

    def acknowledge(self, device_id: str, packet_id: int) -> asyncio.Future[int]:
        """The device has it: it is deleted."""
        query = "DELETE FROM messages WHERE device_id = ? AND packet_id = ?"
        return self._database.submit(lambda connection: connection.execute(query, (device_id, packet_id)).rowcount)

    def counts(self, first: str, last: str) -> asyncio.Future[dict[str, int]]:
        """How many messages wait for each device from `first` to `last` by id that has any."""
        return self._database.submit(lambda connection: _counts(connection, first, last))

    async def purge(self, device_id: str) -> int:
        """Delete all that waits for a device; how many there were."""
        query = "DELETE FROM messages WHERE device_id = ?"
        return await self._database.submit(lambda connection: connection.execute(query, (device_id,)).rowcount)


def encode_bag(device_id: str, message: Message) -> str:
    """The property bag in IoT Hub's form: no value is `key`, an empty one `key=`."""
    system = {
        "$.mid": message.message_id or None,
        "$.to": f"/devices/{device_id}/messages/devicebound",
        "$.cid": message.correlation_id,
        "$.uid": message.user_id,
        "$.ct": message.content_type,
        "$.ce": message.content_encoding,
        "$.exp": _moment(message.expires_at_ms) if message.expires_at_ms is not None else None,
        "iothub-ack": message.ack,
    }
    named = [_pair(name, value) for name, value in system.items() if value is not None]
    return "&".join(named + [_pair(name, value) for name, value in message.properties.items()])


def _moment(milliseconds: int) -> str:
    return format_time(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _pair(name: str, value: str | None) -> str:
    key = quote(name, safe="$.")
    return key if value is None else f"{key}={quote(value, safe='')}"


def _put(
    connection: sqlite3.Connection, device_id: str, bag: str, body: bytes, expires_at: int, *, handed: bool
) -> Letter:
    _expire(connection, device_id)
    rows = connection.execute("SELECT packet_id FROM messages WHERE device_id = ?", (device_id,))
    taken = {row[0] for row in rows}
    if len(taken) >= MOST_PENDING:
        raise MailboxFull(f"{MOST_PENDING} messages wait for {device_id}; it takes no more")
    if not connection.execute("SELECT 1 FROM devices WHERE device_id = ?", (device_id,)).fetchone():
        raise LookupError(f"{device_id} is not a device of this hub")
    number = connection.execute(
        "INSERT INTO messages (device_id, packet_id, bag, body, expires_at, sent) VALUES (?, 0, ?, ?, ?, ?)",
        (device_id, bag, body, expires_at, int(handed)),
    ).lastrowid
    packet_id = (number or 0) % _LAST_PACKET_ID + 1
    while packet_id in taken:  # only after 65,535 others
        packet_id = packet_id % _LAST_PACKET_ID + 1
    connection.execute("UPDATE messages SET packet_id = ? WHERE number = ?", (packet_id, number))
    return Letter(packet_id, bag, body, again=False)


def _take(connection: sqlite3.Connection, device_id: str, besides: frozenset[int]) -> Pending:
    """`sent` counts the deliveries of a message."""
    _expire(connection, device_id)
    query = "SELECT packet_id, bag, body, sent, number FROM messages WHERE device_id = ? ORDER BY number"
    rows = [row for row in connection.execute(query, (device_id,)) if row[0] not in besides]
    worn_out = [(row[4],) for row in rows if row[3] >= MOST_DELIVERIES]
    due = [row for row in rows if row[3] < MOST_DELIVERIES]
    connection.executemany("DELETE FROM messages WHERE number = ?", worn_out)
    connection.executemany("UPDATE messages SET sent = sent + 1 WHERE number = ?", [(row[4],) for row in due])
    return Pending([Letter(row[0], row[1], row[2], bool(row[3])) for row in due], len(worn_out))


def _counts(connection: sqlite3.Connection, first: str, last: str) -> dict[str, int]:
    query = (
        "SELECT device_id, COUNT(*) FROM messages WHERE device_id BETWEEN ? AND ? AND expires_at > ? "
        "GROUP BY device_id"
    )
    return dict(connection.execute(query, (first, last, _now())).fetchall())


def _expire(connection: sqlite3.Connection, device_id: str) -> None:
    connection.execute("DELETE FROM messages WHERE device_id = ? AND expires_at <= ?", (device_id, _now()))


def _now() -> int:
    return time.time_ns() // 1_000_000
