"""What administrators see of their fleet: who waits, is two, is in or shut out, and how devices get in.

Each part is shown to whoever may act on it; every list is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import segno
from markupsafe import Markup
from sqlalchemy import Connection, func, or_, select
from werkzeug.datastructures import MultiDict

from pi_auto.server.admin import devices, people, taking
from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.console.markup import render
from pi_auto.server.enrolment.rules import Policy
from pi_auto.server.enrolment.tables import identities, revocations
from pi_auto.server.operators.rules import Operator, Scope
from pi_auto.server.releases.condition import condition_of
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.trust.addresses import own_addresses
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields

MOST_DEVICES = 100
_NOTHING = Fields({})

DONE = {
    "approve": "Approved. The device is enrolled when it asks again, within half a minute.",
    "refuse": "Refused. Its key is shut out until you lift that below.",
    "revoke": "Shut out at once, whatever it shows.",
    "lift": "Let in again.",
    "preauthorise": "That serial may come with that key, within thirty days.",
    "decommission": "Forgotten. The device may enrol anew; its scans stay.",
    "settle": "Settled. Scans are marked no more.",
    "policy": "The policy is set.",
    "batch end": "The batch lets nobody in any more.",
    "token revoke": "The token is good for nothing any more.",
}
_USES = {  # what is shown once, by its name in the answer, and what it is good for
    "token": "",
    "secret": " In a file of its own it lets that box in: install_pi_client.sh --card FILE --secret FILE.",
    "link": " It signs a person in, once, within a day.",
}
REASONS = {
    "approval": "new",
    "new_key": "this serial had another key: a new card, or an impostor",
    "taken_id": "its id is another device's, or it had another id",
    "other_serial": "its key is another serial's: a card that was moved, or copied",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What came of the last click: a sentence, whether it is bad news, and a secret that is shown this once."""

    said: str
    bad: bool = False
    secret: str = field(default="", repr=False)
    picture: str = field(default="", repr=False)  # the secret as a QR code, in SVG


@dataclass(frozen=True, slots=True)
class Asked:
    """What the request asked: the devices shown hold `wanted` in their id or serial; `typed` is a refused form."""

    wanted: str
    typed: MultiDict[str, str]


def fleet_page(
    admin: Administrator, who: Operator, notice: Notice | None, asked: Asked, addresses: Mapping[str, str]
) -> str:
    """The page for this operator."""
    with admin.context.store.engine.connect() as connection:
        enrolled, more = _enrolled(connection, asked.wanted)
    return render(
        "fleet.html",
        who=who.name,
        notice=notice,
        wanted=asked.wanted,
        typed=asked.typed,
        waiting=devices.list_pending(admin, _NOTHING),
        reasons=REASONS,
        clones=devices.list_clones(admin, _NOTHING)["clones"],
        enrolled=enrolled,
        more=more,
        shut_out=devices.list_shut_out(admin, _NOTHING),
        troubles=_troubles(admin),
        wishes=devices.list_wishes(admin, _NOTHING)["wishes"],
        policies=tuple(Policy),
        scopes=tuple(Scope),
        addresses=addresses,
        **_for_some(admin, who),
    )


def _for_some(admin: Administrator, who: Operator) -> dict[str, Any]:
    """The parts that not everybody may act on; None where this operator may not."""
    parts: dict[str, Any] = dict.fromkeys(("policy", "batches", "places", "tokens"))
    if who.may(Scope.FLEET):
        parts["policy"] = taking.set_policy(admin, _NOTHING)["policy"]
        parts["batches"] = taking.list_batches(admin, _NOTHING)["batches"]
        parts["places"] = " ".join(map(str, own_addresses(admin.context.settings)))
    if who.may(Scope.OPERATORS):
        parts["tokens"] = people.list_tokens(admin, _NOTHING)["tokens"]
    return parts


def notice_of(request: str, answer: Mapping[str, Any]) -> Notice:
    """What is said when a request was answered."""
    if "code" in answer:
        said = f"Let the box's scanner read this. It is good once, for {answer['minutes']} minutes."
        return Notice(said, secret=answer["code"], picture=picture_of(answer["code"]))
    for name, use in _USES.items():
        if answer.get(name):
            return Notice(f"Copy this {name} now: it is not shown again.{use}", secret=str(answer[name]))
    said = DONE.get(request, "Done.")
    return Notice(f"{said} At the hub: {answer['hub']}." if "hub" in answer else said, bad="hub" in answer)


def refused(error: FieldError) -> Notice:
    """What is said when a request was refused."""
    return Notice(f"That was not done. {error}", bad=True)


def picture_of(text: str) -> Markup:
    """A QR code on white, as scanners want it, whatever the colours of the page."""
    return Markup(segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, light="#fff"))  # noqa: S704 - segno's own paths; the text is not in it


def _troubles(admin: Administrator) -> list[str]:
    """What of the fleet's updates needs a person."""
    condition = condition_of(Shelf(admin.context.settings.data))
    return condition.troubles(admin.context.clock()) if condition else []


def _enrolled(connection: Connection, wanted: str) -> tuple[list[dict[str, Any]], int]:
    """The devices to show, by id, and how many there are that are not shown."""
    ids = identities.c
    shut = select(revocations.c.made_at).where(
        revocations.c.value.in_((ids.serial, ids.fingerprint))
    ).limit(1).scalar_subquery()  # fmt: skip
    columns = (ids.device_id, ids.serial, ids.fingerprint, ids.enrolled_at, ids.granted_by, ids.cloned_at)
    fits = or_(ids.device_id.contains(wanted, autoescape=True), ids.serial.contains(wanted, autoescape=True))
    query = select(*columns, shut.label("shut_out_at")).where(fits).order_by(ids.device_id).limit(MOST_DEVICES)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    count = connection.execute(select(func.count()).select_from(identities).where(fits)).scalar_one()
    return rows, count - len(rows)
