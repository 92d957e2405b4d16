"""The administrator's requests about releases, beside those of admin/requests.py."""

from __future__ import annotations

import re
import shutil
from typing import Any

from securesystemslib.signer import CryptoSigner
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from pi_auto.server.admin.administrator import Administrator
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.releases.condition import condition_of
from pi_auto.server.releases.entering import enter_all
from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.releases.obeyed import obeyed
from pi_auto.server.releases.online import open_online, renew_online
from pi_auto.server.releases.publishing import publish
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.releases.tables import releases
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

_INCOMING = re.compile(r"[0-9a-f]{16}\Z")
_MOST_LISTED = 200


def online_key(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """The public half of the server's key, made when it is first asked for, or anew."""
    renew = fields.optional("renew", fields.flag, default=False)
    signer = _signer(admin, renew=renew)
    if renew:
        admin.noted("online key", "releases", "renewed")
    key = signer.public_key
    return {"key": {"keyid": key.keyid} | key.to_dict()}


def adopt(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Publish the bundle that lies in the folder of what comes in, under this name."""
    shelf = _shelf(admin)
    folder = shelf.incoming / fields.text("bundle", most=16, form=_INCOMING)
    try:
        accepted = publish(shelf, folder, _signer(admin), _known(admin), admin.context.clock())
    except ReleaseError as error:
        raise FieldError("the bundle", "refused", str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        enter_all(admin.context, admin.by)
    except IntegrityError as error:
        raise FieldError("the bundle", "published", "one whose versions are new; the books lack it") from error
    versions = [one.release.version for one in accepted.releases]
    admin.noted("publish", "releases", f"root {accepted.root.version}: {', '.join(versions) or 'no release'}")
    return {"root": accepted.root.version, "releases": versions}


def list_all(admin: Administrator, _: Fields) -> dict[str, Any]:
    """Every release, the newest first, and how long what is served is good."""
    with admin.context.store.engine.connect() as connection:
        rows = connection.execute(select(releases).order_by(releases.c.counter.desc()).limit(_MOST_LISTED)).all()
        authority = obeyed(connection, _shelf(admin))
    condition = condition_of(_shelf(admin))
    return {
        "releases": [
            {
                "counter": row.counter, "version": row.version, "size": row.size, "update_id": row.update_id,
                "least_counter": row.least_counter,
                "published": format_time(row.published_at), "by": row.published_by,
                "withdrawn": row.withdrawn_at and format_time(row.withdrawn_at),
            } for row in rows
        ],
        "updates": condition and condition.to_json(admin.context.clock()),
        "authority": authority,
    }  # fmt: skip


def withdraw(admin: Administrator, fields: Fields) -> dict[str, Any]:
    """Offer a release no more, from now on; a signed fact it becomes by the next targets."""
    version = fields.text("version", most=64)
    now = admin.context.clock()

    def job(books: Connection, _: object) -> bool:
        wanted = releases.c.version == version, releases.c.withdrawn_at.is_(None)
        found = books.execute(update(releases).where(*wanted).values(withdrawn_at=now, withdrawn_by=admin.by))
        if found.rowcount:
            note(books, Entry(admin.by, "withdraw", version, "withdrawn", admin.address), now)
        return bool(found.rowcount)

    if not admin.do(job):
        raise fields.refuse("version", "one that is published and not withdrawn")
    return {"version": version}


def _shelf(admin: Administrator) -> Shelf:
    return Shelf(admin.context.settings.data)


def _signer(admin: Administrator, *, renew: bool = False) -> CryptoSigner:
    if admin.context.fleet is None:
        raise FieldError("--trust", "off", "on: a server without it has no fleet, and nobody takes its updates")
    opened = renew_online if renew else open_online
    try:
        return opened(admin.context.settings.data, admin.context.fleet.key)
    except ReleaseError as error:
        raise FieldError("the server's key", "of no use", str(error)) from error


def _known(admin: Administrator) -> list[tuple[int, str, str]]:
    with admin.context.store.engine.connect() as connection:
        rows = connection.execute(select(releases.c.counter, releases.c.version, releases.c.update_id)).all()
    return [(row.counter, row.version, row.update_id) for row in rows]


REQUESTS = {
    "online key": online_key,
    "release publish": adopt,
    "release list": list_all,
    "release withdraw": withdraw,
}
