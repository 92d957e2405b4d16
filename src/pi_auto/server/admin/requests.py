"""The administrator's requests, each a name and a function; what they decide is in the audit trail as `admin`.

Fields come in and JSON goes out; a FieldError is the refusal. Secrets go out once and stay nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from pi_auto.files import write_whole
from pi_auto.server.api.writing import committed
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.context import Context
from pi_auto.server.enrolment import granting
from pi_auto.server.enrolment.facts import policy_of
from pi_auto.server.enrolment.rules import Policy
from pi_auto.server.enrolment.tables import pending
from pi_auto.server.legacy import requests as legacy
from pi_auto.server.links.base import HubUnavailable
from pi_auto.server.operators import letting_in, tokens
from pi_auto.server.operators.letting_in import link_file
from pi_auto.server.operators.rules import scopes_of
from pi_auto.server.plain import place_of
from pi_auto.server.settings import Address
from pi_auto.server.trust.fleet import Fleet
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import MOST_SERVERS
from pi_auto.wire.ids import device_id_of
from pi_auto.wire.server_address import FLEET, PUBLIC, ServerAddress
from pi_auto.wire.times import format_time

T = TypeVar("T")
_log = logging.getLogger(__name__)
Job = Callable[[Connection, datetime], T]
BY = "admin"
_MOST_DAYS = 366


def answer(context: Context, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question. Raises FieldError."""
    fields = Fields(question)
    return REQUESTS[fields.choice("request", tuple(REQUESTS))](context, fields)


def _do(context: Context, job: Job[T]) -> T:
    now = context.clock()
    return committed(context, lambda books: job(books, now))


def _noted(context: Context, action: str, subject: str, outcome: str) -> None:
    _do(context, lambda books, now: note(books, Entry(BY, action, subject, outcome), now))


def _link(context: Context, _: Fields) -> dict[str, Any]:
    made = _do(context, letting_in.make_link)
    _noted(context, "link", letting_in.ADMIN, "made")
    return {"link": f"{place_of(context.settings)}/login?link={made}"}


def _create_token(context: Context, fields: Fields) -> dict[str, Any]:
    name = fields.text("name", most=64)
    scopes = scopes_of(fields.items("scopes", most=16))
    days = fields.optional("days", lambda n: fields.integer(n, least=1, most=3660))

    def create(books: Connection, now: datetime) -> str:
        expires = now + timedelta(days=days) if days else None
        note(books, Entry(BY, "token", name, "made", detail={"scopes": sorted(scopes)}), now)
        return tokens.create_token(books, name, scopes, expires, now)

    return {"token": _do(context, create)}


def _list_tokens(context: Context, _: Fields) -> dict[str, Any]:
    with context.store.engine.connect() as connection:
        rows = tokens.all_tokens(connection)
    return {"tokens": [
        {"name": row.name, "scopes": row.scopes, "made": format_time(row.made_at),
         "expires": row.expires_at and format_time(row.expires_at),
         "revoked": row.revoked_at and format_time(row.revoked_at)} for row in rows
    ]}  # fmt: skip


def _revoke_token(context: Context, fields: Fields) -> dict[str, Any]:
    name = fields.text("name", most=64)
    if not _do(context, lambda books, now: tokens.revoke_token(books, name, now)):
        raise fields.refuse("name", "the name of a token that is good")
    _noted(context, "token", name, "revoked")
    return {}


def _set_policy(context: Context, fields: Fields) -> dict[str, Any]:
    if fields.has("policy"):
        wanted = Policy(fields.choice("policy", tuple(Policy)))
        _do(context, lambda books, now: granting.set_policy(books, wanted, BY, now))
    with context.store.engine.connect() as connection:
        return {"policy": policy_of(connection).value}


def _list_pending(context: Context, _: Fields) -> dict[str, Any]:
    columns = (
        pending.c.serial, pending.c.fingerprint, pending.c.device_id, pending.c.reason, pending.c.address,
        pending.c.last_at, pending.c.approved_by,
    )  # fmt: skip
    with context.store.engine.connect() as connection:
        rows = connection.execute(select(*columns).order_by(pending.c.first_at).limit(500)).all()
    return {"pending": [dict(row._mapping) | {"last_at": format_time(row.last_at)} for row in rows]}  # noqa: SLF001 - named tuples' way


def _approve(context: Context, fields: Fields) -> dict[str, Any]:
    serial, fingerprint = fields.text("serial", most=64), fields.text("fingerprint", least=8, most=64)
    with context.store.engine.connect() as connection:
        query = select(pending.c.fingerprint).where(pending.c.serial == serial)
        found = [key for (key,) in connection.execute(query) if key.startswith(fingerprint)]
    if len(found) != 1:
        raise fields.refuse("fingerprint", "the first digits, eight at least, of one key that waits")
    return {"device_id": _do(context, lambda books, now: granting.approve(books, serial, found[0], BY, now))}


def _preauthorise(context: Context, fields: Fields) -> dict[str, Any]:
    serial = fields.text("serial", most=64)
    fingerprint = fields.optional("fingerprint", lambda n: fields.text(n, most=64))
    lasts = _lasts(fields)
    made = _do(context, lambda books, now: granting.preauthorise(books, serial, fingerprint, lasts, BY, now))
    return {"secret": made}


def _make_batch(context: Context, fields: Fields) -> dict[str, Any]:
    name, most = fields.text("name", most=64), fields.integer("most", least=1)
    lasts = _lasts(fields)
    return {"token": _do(context, lambda books, now: granting.make_batch(books, name, most, lasts, BY, now))}


def _end_batch(context: Context, fields: Fields) -> dict[str, Any]:
    name = fields.text("name", most=64)
    if not _do(context, lambda books, now: granting.end_batch(books, name, BY, now)):
        raise fields.refuse("name", "the name of a batch whose token is good")
    return {}


def _revoke(context: Context, fields: Fields) -> dict[str, Any]:
    """The books first: without a token the device is out of the API, whether the hub can be reached or not."""
    device_id, reason = device_id_of(fields), fields.optional("reason", lambda n: fields.text(n, most=255), "")
    _do(context, lambda books, now: granting.revoke(books, device_id, reason, BY, now))
    return _at_hub(context, lambda link: link.set_enabled(device_id, enabled=False))


def _lift(context: Context, fields: Fields) -> dict[str, Any]:
    device_id = device_id_of(fields)
    if not _do(context, lambda books, now: granting.lift(books, device_id, BY, now)):
        raise fields.refuse("device_id", "a device that is shut out")
    return _at_hub(context, lambda link: link.set_enabled(device_id, enabled=True))


def _decommission(context: Context, fields: Fields) -> dict[str, Any]:
    device_id = device_id_of(fields)
    _do(context, lambda books, now: granting.decommission(books, device_id, BY, now))
    return _at_hub(context, lambda link: link.delete_device(device_id))


def _card(context: Context, fields: Fields) -> dict[str, Any]:
    """The card, with a new batch token if one is wanted: of those made before nobody knows the words."""
    fleet = fleet_of(context)
    batch = fields.optional("batch", lambda n: fields.text(n, most=64))
    texts = fields.optional("servers", lambda n: fields.items(n, most=MOST_SERVERS), [])
    servers = [_address(str(text), f"servers[{index}]") for index, text in enumerate(texts)]
    servers = servers or _own_addresses(context)
    token = _make_batch(context, Fields(fields.raw | {"name": batch}))["token"] if batch else None
    _noted(context, "card", "fleet", f"handed out with batch {batch}" if batch else "handed out")
    return {"card": fleet.card(servers, token).to_json()}


def _address(text: str, path: str) -> ServerAddress:
    """`HOST:PORT`, or `public:HOST:PORT` for a proxy with a certificate of the world's authorities."""
    bare = text.removeprefix(f"{PUBLIC}:")
    return ServerAddress.parse(bare, path, FLEET if bare == text else PUBLIC)


def first_link(context: Context) -> None:
    """At the first start ever, leave a link for the administrator: in a file, since a log is read by many."""
    with context.store.engine.connect() as connection:
        if letting_in.has_been_let_in(connection):
            return
    file = link_file(context.settings.data)
    write_whole(file, _link(context, Fields({}))["link"] + "\n", mode=0o600)
    _log.info("the administrator's first link is in %s; it is good once, for 24 hours", file)


def fleet_of(context: Context) -> Fleet:
    """The fleet. Raises FieldError where the server runs without one."""
    if context.fleet is None:
        raise FieldError("--trust", "off", "on: a server without it has no fleet")
    return context.fleet


def _own_addresses(context: Context) -> list[ServerAddress]:
    port = context.settings.https.port if context.settings.https else 0
    names = [name for name in context.settings.names if not Address(name, port).loopback]
    return [ServerAddress(name, port) for name in names if port][:MOST_SERVERS]


def _lasts(fields: Fields) -> timedelta:
    return timedelta(days=fields.integer("days", least=1, most=_MOST_DAYS))


def _at_hub(context: Context, do: Callable[[Any], None]) -> dict[str, Any]:
    """Do it at the hub as well, and say where that could not be done: it is to be tried again."""
    if context.link is None:
        return {}
    try:
        do(context.link)
    except HubUnavailable as error:
        return {"hub": f"the hub could not be told ({error}); say it again when it is back"}
    return {}


REQUESTS: dict[str, Callable[[Context, Fields], dict[str, Any]]] = {
    "link": _link,
    "token create": _create_token,
    "token list": _list_tokens,
    "token revoke": _revoke_token,
    "policy": _set_policy,
    "pending": _list_pending,
    "approve": _approve,
    "preauthorise": _preauthorise,
    "batch create": _make_batch,
    "batch end": _end_batch,
    "revoke": _revoke,
    "lift": _lift,
    "decommission": _decommission,
    "card": _card,
} | legacy.REQUESTS
