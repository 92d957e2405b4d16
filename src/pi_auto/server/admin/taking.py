"""How devices get in that nobody has looked at one by one: the policy, batches, one-time codes, the fleet card."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from pi_auto.server.admin.administrator import Administrator, days_of
from pi_auto.server.context import Context
from pi_auto.server.enrolment import binding, granting
from pi_auto.server.enrolment.facts import policy_of
from pi_auto.server.enrolment.rules import Policy
from pi_auto.server.enrolment.tables import batches
from pi_auto.server.releases.shelf import root_text
from pi_auto.server.trust.addresses import own_addresses
from pi_auto.server.trust.errors import TrustError
from pi_auto.server.trust.fleet import Fleet
from pi_auto.wire.binding import BindingCode, commitment_of
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import MOST_SERVERS
from pi_auto.wire.server_address import FLEET, PUBLIC, ServerAddress
from pi_auto.wire.times import format_time

_MINUTES = int(binding.LASTS / timedelta(minutes=1))


def set_policy(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Show the policy, and set it where one is named."""
    if fields.has("policy"):
        wanted = Policy(fields.choice("policy", tuple(Policy)))
        admin.do(lambda books, now: granting.set_policy(books, wanted, admin.by, now))
    with admin.context.store.engine.connect() as connection:
        return {"policy": policy_of(connection).value}


def make_batch(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """A token that lets many in, shown once."""
    name, most = fields.text("name", most=64), fields.integer("most", least=1)
    lasts = days_of(fields)
    return {"token": admin.do(lambda books, now: granting.make_batch(books, name, most, lasts, admin.by, now))}


def end_batch(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Let a batch's token be good for nothing."""
    name = fields.text("name", most=64)
    if not admin.do(lambda books, now: granting.end_batch(books, name, admin.by, now)):
        raise fields.refuse("name", "the name of a batch whose token is good")
    return {}


def list_batches(admin: Administrator, _: Fields) -> dict[str, Any]:
    """Every batch that ever was, the newest first, without its token."""
    with admin.context.store.engine.connect() as connection:
        rows = connection.execute(select(batches).order_by(batches.c.made_at.desc()).limit(500)).all()
    return {"batches": [
        {"name": row.name, "used": row.used, "most": row.most, "expires": format_time(row.expires_at),
         "ended": row.revoked_at and format_time(row.revoked_at)} for row in rows
    ]}  # fmt: skip


def make_code(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """A one-time code that binds a box without a card, for a quarter of an hour."""
    fleet = fleet_of(admin.context)
    serial = fields.optional("serial", lambda n: fields.text(n, most=64))
    servers = _servers(admin.context, fields)
    secret = admin.do(lambda books, now: binding.make_code(books, serial, admin.by, now))
    card = fleet.card(servers, update_root=root_text(admin.context.settings.data))
    code = BindingCode(fleet.fleet_id, commitment_of(card), secret, servers[0] if servers else None)
    return {"code": str(code), "minutes": _MINUTES}


def hand_out_card(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """The card, with a new batch token if one is wanted: of those made before nobody knows the words.

    With `installer` the audit trail says that it went out inside of that.
    """
    fleet = fleet_of(admin.context)
    batch = fields.optional("batch", lambda n: fields.text(n, most=64))
    inside = fields.optional("installer", fields.flag, default=False)
    servers = _servers(admin.context, fields)
    token = make_batch(admin, Fields(fields.raw | {"name": batch}))["token"] if batch else None
    admin.noted("card", "fleet", "handed out", {"in": "the installer" if inside else "", "batch": batch or ""})
    return {"card": fleet.card(servers, token, root_text(admin.context.settings.data)).to_json()}


def rotate_certificate(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Another certificate and key for the server and its hub, at once; the old pair stays good to devices."""
    leaked = fields.optional("leaked", fields.flag, default=False)
    renewal = admin.context.renewal
    if renewal is None:
        raise FieldError("the server", "not running", "a running one, which shows the certificate")
    try:
        before = fleet_of(admin.context).certificate_ends()
        ends, shown = renewal.rotate()
    except TrustError as error:
        raise FieldError("the certificate", "not replaced", str(error)) from error
    admin.noted("certificate", "fleet", "rotated after a leak" if leaked else "rotated")
    return {"ends": format_time(ends), "before": format_time(before), "shown": shown}


def fleet_of(context: Context) -> Fleet:
    """The fleet. Raises FieldError where the server runs without one."""
    if context.fleet is None:
        raise FieldError("--trust", "off", "on: a server without it has no fleet")
    return context.fleet


def _servers(context: Context, fields: Fields) -> list[ServerAddress]:
    texts = fields.optional("servers", lambda n: fields.items(n, most=MOST_SERVERS), [])
    servers = [_address(str(text), f"servers[{index}]") for index, text in enumerate(texts)]
    return servers or own_addresses(context.settings)


def _address(text: str, path: str) -> ServerAddress:
    """`HOST:PORT`, or `public:HOST:PORT` for a proxy with a certificate of the world's authorities."""
    bare = text.removeprefix(f"{PUBLIC}:")
    return ServerAddress.parse(bare, path, FLEET if bare == text else PUBLIC)
