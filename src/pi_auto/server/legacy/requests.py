"""The administrator's requests about old clients, beside those of admin/requests.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.legacy import deciding, devices, networks
from pi_auto.server.legacy.hub import align
from pi_auto.server.legacy.offering import update_in
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

T = TypeVar("T")
MOST_AT_ONCE = 1000
_MOST_LISTED = 500  # an answer has to fit the administrator's socket


def _do(admin: Administrator, job: Callable[[Connection, datetime], T]) -> T:
    done = admin.do(job)
    align(admin.context)
    return done


def _on(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Open networks for so many days from now."""
    texts = fields.items("networks", most=networks.MOST_NETWORKS)
    if not texts:
        raise fields.refuse("networks", "one network or more")
    named = [networks.network_named(str(text)) for text in texts]
    days = fields.integer("days", least=1, most=networks.MOST_DAYS)

    def job(books: Connection, now: datetime) -> datetime:
        return max(networks.open_network(books, network, days, admin.by, now) for network in named)

    return {"networks": [str(network) for network in named], "until": format_time(_do(admin, job))}


def _off(admin: Administrator, fields: Fields) -> dict[str, Any]:
    texts = fields.optional("networks", lambda n: fields.items(n, most=networks.MOST_NETWORKS), [])
    named: list[networks.Network | None] = [networks.network_named(str(text)) for text in texts]

    def job(books: Connection, now: datetime) -> int:
        return sum(networks.close_networks(books, network, admin.by, now) for network in named or [None])

    return {"closed": _do(admin, job)}


def _list(admin: Administrator, _: Fields) -> dict[str, Any]:
    now = admin.context.clock()
    with admin.context.store.engine.connect() as connection:
        nets, rows = networks.all_networks(connection), devices.every(connection, _MOST_LISTED + 1)
        is_open = networks.open_networks(connection, now)
        found = [_device(connection, row, is_open) for row in rows[:_MOST_LISTED]]
    return {
        "networks": [
            {"network": row.network, "until": format_time(row.expires_at),
             "open": row.closed_at is None and row.expires_at > now} for row in nets
        ],
        "devices": found,
        "more": len(rows) > _MOST_LISTED,
    }  # fmt: skip


def _device(connection: Connection, row: Row[Any], is_open: list[networks.Network]) -> dict[str, Any]:
    return {
        "device_id": row.named_id,
        "hub_id": row.hub_id,
        "address": row.address,
        "other_address": row.other_address,
        "state": _state(connection, row, served=networks.holds(is_open, row.address)),
        "connection_string": "given" if row.issued_at else "not given",
        "update": (row.update_said or "offered") if row.migrate_by else None,
        "scans": row.scans,
        "last_seen": format_time(row.last_at),
    }


def _state(connection: Connection, row: Row[Any], *, served: bool) -> str:
    if devices.is_new_clients(connection, row.named_id):
        return "migrated"
    if row.refused_at:
        return "refused"
    if not row.approved_at:
        return "waits"
    return "served" if served else "shut out"


def _approve(admin: Administrator, fields: Fields) -> dict[str, Any]:
    named = fields.text("device_id", most=63)
    address = fields.optional("address", lambda n: fields.text(n, most=64))
    reissue = fields.optional("reissue", fields.flag, default=False)
    return {
        "hub_id": _do(
            admin, lambda books, now: deciding.approve(books, named, address, admin.by, now, reissue=reissue)
        )
    }


def _refuse(admin: Administrator, fields: Fields) -> dict[str, Any]:
    named = fields.text("device_id", most=63)
    return {"hub_id": _do(admin, lambda books, now: deciding.refuse(books, named, admin.by, now))}


def _migrate(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Offer the new client to these, all or none."""
    named = [str(each) for each in fields.items("device_ids", most=MOST_AT_ONCE)]
    stop = fields.optional("stop", fields.flag, default=False)
    if not stop and update_in(admin.context.settings.data) is None:
        raise FieldError("the update", "missing", "a file made by `pi-auto-server legacy package`")

    def job(books: Connection, now: datetime) -> None:
        for each in named:
            deciding.migrate(books, each, admin.by, now, wanted=not stop)

    _do(admin, job)
    return {"devices": len(named)}


REQUESTS: dict[str, Callable[[Administrator, Fields], dict[str, Any]]] = {
    "legacy on": _on,
    "legacy off": _off,
    "legacy list": _list,
    "legacy approve": _approve,
    "legacy refuse": _refuse,
    "legacy migrate": _migrate,
}
