"""The six calls of old clients, in their contract's words: names, fields and status codes are as they know them.

None of them carries any proof. What is given: one connection string, once, for an identity of its
own, and a new client. What is never given: anything of another device.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from pi_auto.server.api.bodies import decode_json
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.writing import committed
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.context import Context
from pi_auto.server.enrolment.limits import Limiter
from pi_auto.server.fleet.contacts import note_contact
from pi_auto.server.legacy import devices
from pi_auto.server.legacy.booking import book_scan
from pi_auto.server.legacy.hub import align, issue
from pi_auto.server.legacy.messages import BarcodeScan, Hello, Progress, named_id
from pi_auto.server.legacy.offering import Update, offered, update_in
from pi_auto.server.legacy.rules import Verdict
from pi_auto.server.legacy.tables import legacy_devices
from pi_auto.server.scans.booking import Way
from pi_auto.wire.fields import Fields
from pi_auto.wire.times import format_time

MOST_BODY = 64 * 1024  # bytes
_MOST_SCANS = 600  # a minute of one address: ten times what a hand can do
_scans = Limiter(_MOST_SCANS, 60.0, time.monotonic)
_issuing = threading.Lock()
_GIVEN = (
    "its connection string was given then, and is given once only: `pi-auto-server legacy approve ID --reissue`"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who is at the other end of the connection, what it names and sends, and how it calls us."""

    address: str
    query: Mapping[str, str]
    body: bytes
    host: str  # such as 192.168.1.5:5000, as the caller says


class Refused(Exception):  # noqa: N818 - not every refusal is an error
    """The call is answered 403, for this reason."""

    def __init__(self, verdict: Verdict, named: str) -> None:
        super().__init__(verdict.value)
        self.verdict, self.named = verdict, named


def register_device(context: Context, call: Call) -> dict[str, Any]:
    """Ask to be let in, or say hello again."""
    hello = Hello.from_json(decode_json(call.body))
    now = context.clock()
    verdict = committed(context, lambda books: devices.ask(books, hello, call.address, now))
    if verdict is not Verdict.SERVED:
        raise Refused(verdict, hello.device_id)
    with _issuing:  # a second call at the same moment would turn the keys that the first one is given
        string = issue(context, hello.device_id, call.address)
    align(context)
    return {
        "status": "success",
        "message": "device registered" if string else f"device known; {_GIVEN}",
        "device_id": hello.device_id,
        "registration_date": format_time(_approved_at(context, hello.device_id) or now),
        "connection_string": string,
        "server_info": {
            "server_url": f"http://{call.host}",
            "api_version": "1.0",
            "update_interval": context.settings.update_interval,
            "heartbeat_interval": context.settings.heartbeat_interval,
        },
    }


def barcode_scan(context: Context, call: Call) -> dict[str, Any]:
    """Book one scan; what is not answered 200 is lost to an old client, so that little else is answered here."""
    scan = BarcodeScan.from_json(decode_json(call.body))
    if _scans.wait(call.address):
        raise ApiError(429, f"more than {_MOST_SCANS} scans a minute come from this address")
    _scans.failed(call.address)
    name, now = str(uuid.uuid4()), context.clock()

    def book(books: Connection, hub_id: str) -> None:
        book_scan(books, hub_id, scan.barcode, scan.quantity, name, Way.API, now)

    _as_known(context, scan.device_id, call, now, book)
    return {"status": "success", "message": "scan booked", "deviceId": scan.device_id, "id": name}


def check_update(context: Context, call: Call) -> dict[str, Any]:
    """Whether it is to become a new client now."""
    fields = Fields(dict(call.query))
    named, version = named_id(fields), fields.text("current_version", most=64)
    _as_known(context, named, call, context.clock())
    update_ = update_in(context.settings.data)
    with context.store.engine.connect() as connection:
        wanted = update_ is not None and offered(connection, named)
    if update_ is None or not wanted or update_.version == version:
        return {"has_update": False, "current_version": version, "message": "no update is available"}
    return {
        "has_update": True,
        "latest_version": update_.version,
        "current_version": version,
        "update_id": update_.update_id,
        "release_notes": "the new client, which has a key of its own and signs what it says",
        "update_size": len(update_.octets),
        "mandatory": True,
        "download_url": f"/api/ota/download_update?update_id={update_.update_id}",
        "file_hash": update_.file_hash,
    }


def download_update(context: Context, call: Call) -> bytes:
    """The zip file, to an address that has an old client which is to have it."""
    update_id = Fields(dict(call.query)).text("update_id", most=64)
    update_ = update_in(context.settings.data)
    with context.store.engine.connect() as connection:
        named = devices.at_address(connection, call.address)
        verdicts = {each: devices.verdict_on(connection, each, call.address, context.clock()) for each in named}
        wanted = [each for each in named if verdicts[each] is Verdict.SERVED and offered(connection, each)]
    if update_ is None or update_.update_id != update_id or not wanted:
        raise ApiError(404, "there is no such update for a device at this address")
    return _handed_out(context, update_, wanted[0], call)


def update_status(context: Context, call: Call) -> dict[str, Any]:
    """Keep how its change goes."""
    told, now = Progress.from_json(decode_json(call.body)), context.clock()

    def keep(books: Connection, hub_id: str) -> None:
        values = {"update_said": told.status, "update_said_at": now}
        books.execute(update(legacy_devices).where(legacy_devices.c.hub_id == hub_id).values(values))
        detail = {"version": told.version}
        note(
            books, Entry(devices.STRANGER, "legacy update", told.device_id, told.status, call.address, detail), now
        )

    _as_known(context, told.device_id, call, now, keep)
    return {"status": "received", "message": f"update status of {told.device_id} kept"}


def _handed_out(context: Context, update_: Update, named: str, call: Call) -> bytes:
    entry = Entry(
        devices.STRANGER, "legacy update", named, "handed out", call.address, {"file_hash": update_.file_hash}
    )
    committed(context, lambda books: note(books, entry, context.clock()))
    return update_.octets


def _as_known(
    context: Context, named: str, call: Call, now: datetime, job: Callable[[Connection, str], None] | None = None
) -> None:
    """Do the job for an old client that is served, in the transaction that finds it so. Raises Refused."""

    def attempt(books: Connection) -> Verdict:
        verdict = devices.verdict_on(books, named, call.address, now)
        row = devices.find(books, named) if verdict is Verdict.SERVED else None
        if row is not None:
            note_contact(books, row.hub_id, now)
            if job:
                job(books, row.hub_id)
        return verdict

    verdict = committed(context, attempt)
    if verdict is not Verdict.SERVED:
        raise Refused(verdict, named)


def _approved_at(context: Context, named: str) -> datetime | None:
    with context.store.engine.connect() as connection:
        row = devices.find(connection, named)
    return row.approved_at if row else None


CALLS: Mapping[tuple[str, str], Callable[[Context, Call], dict[str, Any] | bytes]] = {
    ("POST", "/api/register_device"): register_device,
    ("GET", "/api/ota/check_update"): check_update,
    ("GET", "/api/ota/download_update"): download_update,
    ("POST", "/api/ota/update_status"): update_status,
    ("POST", "/api/v1/raspberry/barcodeScan"): barcode_scan,
}  # the sixth is /api/health, which everybody may have
