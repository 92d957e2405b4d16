"""Links and tokens that let people and scripts in."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from pi_auto.files import write_whole
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.context import Context
from pi_auto.server.operators import letting_in, tokens
from pi_auto.server.operators.letting_in import link_file
from pi_auto.server.operators.rules import scopes_of
from pi_auto.server.plain.port import place_of
from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

_log = logging.getLogger(__name__)


def make_link(admin: Administrator, _: Fields) -> dict[str, Any]:
    """A one-time link."""

    def make(books: Connection, now: datetime) -> str:
        note(books, Entry(admin.by, "link", letting_in.ADMIN, "made", admin.address), now)
        return letting_in.make_link(books, admin.context.latest())

    made = admin.do(make)
    return {"link": f"{place_of(admin.context.settings)}/login?link={made}"}


def first_link(context: Context) -> None:
    """At the first start ever, leave a link for the administrator: in a file, since a log is read by many."""
    with context.store.engine.connect() as connection:
        if letting_in.has_been_let_in(connection):
            return
    file = link_file(context.settings.data)
    write_whole(file, make_link(Administrator(context), Fields({}))["link"] + "\n", mode=0o600)
    _log.info("the administrator's first link is in %s; it is good once, for 24 hours", file)


def create_token(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """An API token, shown once."""
    name = fields.text("name", most=64)
    scopes = scopes_of(fields.items("scopes", most=16))
    days = fields.optional("days", lambda n: fields.integer(n, least=1, most=3660))

    def create(books: Connection, now: datetime) -> str:
        expires = now + timedelta(days=days) if days else None
        entry = Entry(admin.by, "token", name, "made", admin.address, {"scopes": sorted(scopes)})
        note(books, entry, now)
        return tokens.create_token(books, name, scopes, expires, now)

    return {"token": admin.do(create)}


def list_tokens(admin: Administrator, _: Fields) -> dict[str, Any]:
    """Every token that ever was, without its secret."""
    with admin.context.store.engine.connect() as connection:
        rows = tokens.all_tokens(connection)
    return {"tokens": [
        {"name": row.name, "scopes": row.scopes, "made": format_time(row.made_at),
         "expires": row.expires_at and format_time(row.expires_at),
         "revoked": row.revoked_at and format_time(row.revoked_at)} for row in rows
    ]}  # fmt: skip


def revoke_token(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Let a token be good for nothing."""
    name = fields.text("name", most=64)

    def revoke(books: Connection, now: datetime) -> bool:
        was_good = tokens.revoke_token(books, name, now)
        if was_good:
            note(books, Entry(admin.by, "token", name, "revoked", admin.address), now)
        return was_good

    if not admin.do(revoke):
        raise fields.refuse("name", "the name of a token that is good")
    return {}
