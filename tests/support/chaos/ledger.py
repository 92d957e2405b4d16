"""What the parts of a house know of its scans, gathered for the oracle."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import termios
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pi_auto.client.spool.destinations import DESTINATIONS
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader, Unreadable
from pi_auto.client.spool.settled import settled_at
from pi_auto.server.scans.batches import MISSING, REFUSED
from pi_auto.wire.escape import printable
from pi_auto.wire.scan import Incident, Record, Scan
from support.chaos.oracle import Account
from support.household import Household
from support.waiting import wait_until

_ALL = 1_000_000


def unread(fifo: Path) -> int:
    """How many bytes of keys nobody has read yet."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    finally:
        os.close(descriptor)
    return int(count)


def is_delivered(state: Path) -> bool:
    """Whether the device takes all that is in its spool for settled, at the API and at the hub."""
    with SpoolReader(state / "capture") as spool:
        try:
            uuid, newest = spool.uuid(), spool.newest()
        except SpoolUnavailable:
            return False
    return all(settled_at(state / "agent" / "marks.sqlite", each, uuid) >= newest for each in DESTINATIONS)


def incidents(house: Household) -> int:
    """How many incidents are in the device's spool: codes that were told as lost, mostly."""
    return sum(isinstance(record, Incident) for record in _records(house))


def account(house: Household, typed: Sequence[str]) -> Account:
    """All accounts; what is stored is looked up first, so that nothing booked later can be missed in it."""
    meant = {printable(text): text for text in typed}  # as the log has them
    told = {uuid: meant.get(text, text) for uuid, text in house.stored().items()}
    stored = told | in_spool(house)
    return Account(tuple(typed), stored, house.booked(), _noted(house.data), _aside(house.pi.state))


def in_spool(house: Household) -> dict[str, str]:
    """uuid → text of what is stored, told or not: whoever stored it may have died before it could say so."""
    return {record.uuid: record.text for record in _records(house) if isinstance(record, Scan)}


def _records(house: Household) -> list[Record | Unreadable]:
    with SpoolReader(house.pi.state / "capture") as spool:

        def read() -> list[Record | Unreadable]:
            with suppress(SpoolUnavailable):  # capture is just opening it
                return spool.read(0, _ALL)
            return []

        return wait_until(read, 60, "the spool can be read")


def _noted(data: Path) -> list[str]:
    """What the server has kept aside: other versions of a scan, refusals, and what it noticed to be missing."""
    asked = (
        f"SELECT reason FROM incidents WHERE type IN ('{MISSING}', '{REFUSED}')"  # noqa: S608 - words of ours
        " UNION ALL SELECT reason FROM refusals UNION ALL SELECT content FROM conflicts"
    )
    with closing(sqlite3.connect(f"file:{data / 'books.sqlite'}?mode=ro", uri=True, timeout=30)) as books:
        return [str(reason) for (reason,) in books.execute(asked)]


def _aside(state: Path) -> list[str]:
    with closing(Marks.reading(state / "agent" / "marks.sqlite")) as marks:
        return [f"{each.destination} {each.position}: {each.reason}" for each in marks.aside()]
