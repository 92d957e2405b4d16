"""What the hub has still to be told of a device: one row each in the books, until the hub has done it.

A row is written in the transaction that decides, so no crash forgets it; a later wish takes the
place of one before. Whoever tells the hub claims the row first: of several servers one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from pi_auto.server.enrolment.facts import identity_of_device, is_revoked
from pi_auto.server.enrolment.tables import hub_wishes

CLAIMED_FOR = timedelta(minutes=2)  # more than any answer of a hub takes
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=10)
_MOST_ERROR = 255


class Wish(StrEnum):
    """How a device is to stand at the hub."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A wish that this server tells the hub now."""

    device_id: str
    wish: Wish
    number: int
    tries: int


def wish(connection: Connection, device_id: str, wanted: Wish, now: datetime) -> None:
    """Have the hub told this of the device, in place of what it had still to be told. A claim stays."""
    number = (connection.execute(select(func.max(hub_wishes.c.number))).scalar() or 0) + 1
    row = {"wish": wanted.value, "number": number, "made_at": now, "tries": 0, "next_at": now, "error": None}
    same = hub_wishes.c.device_id == device_id
    if not connection.execute(update(hub_wishes).where(same).values(row)).rowcount:
        connection.execute(insert(hub_wishes).values(row | {"device_id": device_id}))


def wish_as_it_stands(connection: Connection, device_id: str, now: datetime) -> None:
    """Have the hub told what follows from the books: who is shut out, or is two, may not connect."""
    identity = identity_of_device(connection, device_id)
    if identity is None:
        wanted = Wish.ABSENT
    elif identity.cloned_at or is_revoked(connection, identity.serial, identity.fingerprint):
        wanted = Wish.DISABLED
    else:
        wanted = Wish.ENABLED
    wish(connection, device_id, wanted, now)


def is_to_be_absent(connection: Connection, device_id: str) -> bool:
    """Whether the hub has still to forget the device: until then it cannot be made anew there."""
    query = select(hub_wishes.c.wish).where(hub_wishes.c.device_id == device_id)
    return connection.execute(query).scalar() == Wish.ABSENT


def is_due(now: datetime) -> ColumnElement[bool]:
    """Which wishes are due; those of a clock that was ahead are, too: none waits for longer than that pause."""
    next_at = hub_wishes.c.next_at
    return or_(next_at <= now, next_at > now + _LONGEST_PAUSE)


def claim_next(connection: Connection, now: datetime) -> Claimed | None:
    """The wish that is due longest, for this server alone."""
    wishes = hub_wishes.c
    claim = wishes.claimed_until
    free = or_(claim.is_(None), claim <= now, claim > now + CLAIMED_FOR)
    due = select(hub_wishes).where(is_due(now), free).order_by(wishes.next_at).limit(1)
    row = connection.execute(due).first()
    if row is None:
        return None
    same = (wishes.device_id == row.device_id) & (wishes.number == row.number) & free
    taken = update(hub_wishes).where(same).values(claimed_until=now + CLAIMED_FOR, tries=row.tries + 1)
    if not connection.execute(taken).rowcount:
        return None
    return Claimed(row.device_id, Wish(row.wish), row.number, row.tries + 1)


def fulfilled(connection: Connection, done: Claimed) -> None:
    """The hub has done it. A wish that came meanwhile stays, and is free to be told."""
    wishes = hub_wishes.c
    same = wishes.device_id == done.device_id
    connection.execute(delete(hub_wishes).where(same, wishes.number == done.number))
    connection.execute(update(hub_wishes).where(same).values(claimed_until=None))


def failed(connection: Connection, tried: Claimed, why: str, now: datetime) -> None:
    """The hub has not done it: try again, ever less often."""
    wishes = hub_wishes.c
    same = wishes.device_id == tried.device_id
    pause = min(_FIRST_PAUSE * 2 ** min(tried.tries - 1, 16), _LONGEST_PAUSE)
    again = {"next_at": now + pause, "error": why[:_MOST_ERROR]}
    connection.execute(update(hub_wishes).where(same, wishes.number == tried.number).values(again))
    connection.execute(update(hub_wishes).where(same).values(claimed_until=None))
