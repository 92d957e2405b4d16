"""What is decided about single devices: those that wait, those that are enrolled, those that are two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, func, select

from pi_auto.server.admin.administrator import Administrator, days_of
from pi_auto.server.enrolment import clones, granting
from pi_auto.server.enrolment.tables import clone_spans, hub_wishes, pending, revocations
from pi_auto.server.enrolment.telling import tell_all
from pi_auto.wire.fields import Fields
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.times import format_time

MOST_LISTED = 500


def list_pending(admin: Administrator, _: Fields) -> dict[str, Any]:
    """The devices that wait, the first of them first; `more` wait behind those."""
    columns = (
        pending.c.serial, pending.c.fingerprint, pending.c.device_id, pending.c.reason, pending.c.address,
        pending.c.last_at, pending.c.approved_by,
    )  # fmt: skip
    query = select(*columns).order_by(pending.c.first_at).limit(MOST_LISTED)
    return {"pending": _read(admin, query, "last_at"), "more": _beyond(admin, pending)}


def approve(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Yes to a device that waits."""
    serial, key = _waiting(admin, fields)
    return {"device_id": admin.do(lambda books, now: granting.approve(books, serial, key, admin.by, now))}


def refuse(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """No to a device that waits."""
    serial, key = _waiting(admin, fields)
    return {"device_id": admin.do(lambda books, now: granting.refuse(books, serial, key, admin.by, now))}


def preauthorise(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Let a serial in that has not asked yet; its one-time secret, if no key is named."""
    serial = fields.text("serial", most=64)
    fingerprint = fields.optional("fingerprint", lambda n: fields.text(n, most=64))
    lasts = days_of(fields)
    made = admin.do(lambda books, now: granting.preauthorise(books, serial, fingerprint, lasts, admin.by, now))
    return {"secret": made}


def revoke(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """The books first: without a token the device is out of the API, whether the hub can be reached or not."""
    device_id, reason = (
        device_id_of(fields),
        fields.optional("reason", lambda n: fields.text(n, most=255, least=0), ""),
    )
    admin.do(lambda books, now: granting.revoke(books, device_id, reason, admin.by, now))
    return _at_hub(admin, device_id)


def lift(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Let in again what was shut out: a device by its id, or a key or a serial."""
    named = fields.text("device_id", most=64)
    if not admin.do(lambda books, now: granting.lift(books, named, admin.by, now)):
        raise fields.refuse("device_id", "a device that is shut out")
    return _at_hub(admin, named)


def decommission(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Forget whose key a device id belongs to."""
    device_id = device_id_of(fields)
    admin.do(lambda books, now: granting.decommission(books, device_id, admin.by, now))
    return _at_hub(admin, device_id)


def settle(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """One device alone has the key again."""
    device_id = device_id_of(fields)
    if not admin.do(lambda books, now: clones.settle(books, device_id, admin.by, now)):
        raise fields.refuse("device_id", "a device whose key two devices have had")
    return _at_hub(admin, device_id)


def list_clones(admin: Administrator, _: Fields) -> dict[str, Any]:
    """Devices that are two, until it is settled."""
    spans = clone_spans.c
    columns = (spans.device_id, spans.since, spans.noticed_at, spans.evidence)
    query = select(*columns).where(spans.until.is_(None)).order_by(spans.noticed_at).limit(MOST_LISTED)
    return {"clones": _read(admin, query, "since", "noticed_at")}


def list_shut_out(admin: Administrator, _: Fields) -> dict[str, Any]:
    """Serials and keys that get in under no policy, the newest first; `more` were shut out before those."""
    query = select(revocations).order_by(revocations.c.made_at.desc()).limit(MOST_LISTED)
    return {"shut_out": _read(admin, query, "made_at"), "more": _beyond(admin, revocations)}


def list_wishes(admin: Administrator, _: Fields) -> dict[str, Any]:
    """What the hub has still to be told."""
    wishes = hub_wishes.c
    columns = (wishes.device_id, wishes.wish, wishes.made_at, wishes.tries, wishes.error)
    return {"wishes": _read(admin, select(*columns).order_by(wishes.number).limit(MOST_LISTED), "made_at")}


def _beyond(admin: Administrator, table: Table) -> int:
    """How many rows it has beyond those that are listed."""
    with admin.context.store.engine.connect() as connection:
        return max(0, connection.execute(select(func.count()).select_from(table)).scalar_one() - MOST_LISTED)


def _read(admin: Administrator, query: Any, *moments: str) -> list[dict[str, Any]]:
    with admin.context.store.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [row | {name: format_time(row[name]) for name in moments} for row in rows]


def _waiting(admin: Administrator, fields: Fields) -> tuple[str, str]:
    """The serial and the whole key of the one device that is meant."""
    serial, begins = fields.text("serial", most=64), fields.text("fingerprint", least=8, most=64)
    with admin.context.store.engine.connect() as connection:
        query = select(pending.c.fingerprint).where(pending.c.serial == serial)
        found = [key for (key,) in connection.execute(query) if key.startswith(begins)]
    if len(found) != 1:
        raise fields.refuse("fingerprint", "the first digits, eight at least, of one key that waits")
    return serial, found[0]


def _at_hub(admin: Administrator, device_id: str) -> dict[str, Any]:
    """Tell the hub now, and say where that could not be done: the server goes on trying, after a crash as well."""
    tell_all(admin.context)
    with admin.context.store.engine.connect() as connection:
        query = select(hub_wishes.c.error).where(hub_wishes.c.device_id == device_id)
        left = connection.execute(query).first()
    if left is None:
        return {}
    if admin.context.link is None:
        return {"hub": "none runs here now; once one does, it is told"}
    why = left.error or "it was not asked yet"
    return {"hub": f"the hub has still to be told ({why}); the server goes on trying"}
