"""What operators say of single devices: pin, group, tags, and when they may be updated. In the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.fleet.tables import devices
from pi_auto.server.rollouts.facts import DEVICE, FLEET, GROUP
from pi_auto.server.rollouts.planning import release_of
from pi_auto.server.rollouts.stages import NAME
from pi_auto.server.rollouts.steps import FAILED
from pi_auto.server.rollouts.tables import (
    BY_PIN,
    device_groups,
    device_tags,
    maintenance_windows,
    update_attempts,
    update_pins,
)
from pi_auto.server.rollouts.windows import Window, written_days
from pi_auto.wire.errors import FieldError, shown

MOST_TAGS = 16  # of a device
MOST_WINDOWS = 500
_FEW = 5
_NAMED = "small letters, digits, - and _, at most 32"


def pin(books: Connection, named: str, version: str, by: str, now: datetime) -> str:
    """Have a device run just this release, whatever is rolled out; its id. What failed by a pin is tried anew."""
    device = device_of(books, named)
    release = release_of(books, version)
    of = update_attempts.c
    failed = (of.rollout_id == BY_PIN, of.device_id == device, of.step.in_(FAILED))
    books.execute(delete(update_attempts).where(*failed))
    _put(books, update_pins, device, {"counter": release.counter, "pinned_by": by, "pinned_at": now})
    return _noted(books, "device pin", device, version, by, now)


def unpin(books: Connection, named: str, by: str, now: datetime) -> str:
    """Let it take what is rolled out again."""
    device = device_of(books, named)
    if not books.execute(delete(update_pins).where(update_pins.c.device_id == device)).rowcount:
        raise FieldError("device_id", shown(device), "a device that is pinned")
    return _noted(books, "device unpin", device, "done", by, now)


def put_into_group(books: Connection, named: str, group: str | None, by: str, now: datetime) -> str:
    """Put a device into a group, out of the one it is in; None: into none."""
    device = device_of(books, named)
    if group is None:
        books.execute(delete(device_groups).where(device_groups.c.device_id == device))
        return _noted(books, "device group", device, "none", by, now)
    _put(books, device_groups, device, {"name": name_of(group, "group")})
    return _noted(books, "device group", device, group, by, now)


def tag(books: Connection, named: str, word: str, by: str, now: datetime, *, remove: bool = False) -> str:
    """Give a device a tag, or take it away."""
    device = device_of(books, named)
    of = device_tags.c
    books.execute(delete(device_tags).where(of.device_id == device, of.tag == name_of(word, "tag")))
    if not remove:
        count = books.execute(select(func.count()).select_from(device_tags).where(of.device_id == device))
        if count.scalar_one() >= MOST_TAGS:
            raise FieldError("tag", shown(word), f"at most {MOST_TAGS} of a device")
        books.execute(insert(device_tags).values(device_id=device, tag=word))
    return _noted(books, "device untag" if remove else "device tag", device, word, by, now)


def set_window(books: Connection, kind: str, named: str, window: Window | None, by: str, now: datetime) -> None:
    """When a device, a group or the fleet may be updated; None: nothing is said of it any more."""
    name = _subject(books, kind, named)
    of = maintenance_windows.c
    had = books.execute(delete(maintenance_windows).where(of.kind == kind, of.name == name)).rowcount
    if window is None and not had:
        raise FieldError(
            "window", shown(f"{kind} {name}".strip()), "one of `pi-auto-server rollout window --list`"
        )
    if window is not None:
        if books.execute(select(func.count()).select_from(maintenance_windows)).scalar_one() >= MOST_WINDOWS:
            raise FieldError("window", "one more", f"at most {MOST_WINDOWS}: use groups")
        row: dict[str, Any] = {"kind": kind, "name": name, "days": written_days(window.days), "zone": window.zone}
        row |= {"begins": window.begins, "ends": window.ends}
        books.execute(insert(maintenance_windows).values(row))
    subject = f"{kind} {name}".strip()
    note(books, Entry(by, "rollout window", subject, str(window or "removed")[:64]), now)


def device_of(books: Connection, named: str) -> str:
    """The id of the device of that id, or of that host name where one alone has it. Raises FieldError.

    Devices say themselves what they are called: one that takes another's name gets nothing of that one's.
    """
    of = devices.c
    found = books.execute(select(of.device_id).where(of.device_id == named)).scalars().all()
    namesakes = select(of.device_id).where(of.hostname == named).order_by(of.device_id).limit(_FEW)
    found = found or books.execute(namesakes).scalars().all()
    if len(found) > 1:
        raise FieldError(
            "device_id", shown(named), f"an id: several have this host name, such as {', '.join(found)}"
        )
    if not found:
        raise FieldError("device_id", shown(named), "the id or the host name of a device of this server")
    return str(found[0])


def name_of(text: str, field: str) -> str:
    """A group's or a tag's name. Raises FieldError."""
    if not NAME.match(text):
        raise FieldError(field, shown(text), _NAMED)
    return text


def _subject(books: Connection, kind: str, named: str) -> str:
    if kind == FLEET:
        return ""
    return device_of(books, named) if kind == DEVICE else name_of(named, GROUP)


def _put(books: Connection, table: Table, device: str, values: dict[str, Any]) -> None:
    books.execute(delete(table).where(table.c.device_id == device))
    books.execute(insert(table).values(values | {"device_id": device}))


def _noted(books: Connection, action: str, device: str, outcome: str, by: str, now: datetime) -> str:
    note(books, Entry(by, action, device, outcome), now)
    return device
