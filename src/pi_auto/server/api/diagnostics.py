"""POST /api/diagnostics/<request id>: a device sends its doctor's bundle, because this server has asked it to.

Only for a request that the audit knows: made for the calling device, in the last quarter of an
hour. Nothing of any other body is kept.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected

from pi_auto.server.api.answers import respond
from pi_auto.server.api.auth import authenticate
from pi_auto.server.api.calling import Sign, note_call
from pi_auto.server.api.errors import ApiError, Crowded
from pi_auto.server.api.writing import committed
from pi_auto.server.calls.bundles import AlreadyStored, Bundles, NotZip, TooLarge
from pi_auto.server.calls.outcomes import of_bundle
from pi_auto.server.calls.trail import AUDIT, Call, Trail
from pi_auto.server.context import Context, current
from pi_auto.server.errors import AuditError
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import UUID_FORM
from pi_auto.wire.methods import DIAGNOSTICS, MOST_DIAGNOSTICS

OPEN_FOR = timedelta(minutes=15)
MOST_AT_ONCE = 8
_seats: set[str] = set()  # the devices that are sending
_seated = threading.Lock()
_log = logging.getLogger(__name__)


def receive_diagnostics(name: str) -> Response:
    """Keep a bundle, whose request's id is `name`."""
    context = current()
    device_id = authenticate(context, request.headers.get("Authorization"))
    with seat_of(device_id):
        try:
            octets = _take(context, device_id, name)
        except ApiError:
            _drain()
            raise
    sign, now = Sign.of(device_id, request), context.clock()
    committed(context, lambda books: note_call(books, sign, now))
    _log.info("diagnostics: device=%s request=%s bytes=%d", device_id, name, octets)
    return respond({"stored": True}, 201)


@contextmanager
def seat_of(device_id: str) -> Iterator[None]:
    """A place among those who send: one for a device, so that a slow or hostile one keeps nobody out."""
    with _seated:
        if device_id in _seats or len(_seats) >= MOST_AT_ONCE:
            raise Crowded("this device, or many others, are still sending a bundle")
        _seats.add(device_id)
    try:
        yield
    finally:
        with _seated:
            _seats.discard(device_id)


def _opened(context: Context, device_id: str, name: str) -> Call:
    """The call that this is the answer to. Raises ApiError 404."""
    call = _find(context, device_id, name) if UUID_FORM.match(name) else None
    if call is None:
        minutes = OPEN_FOR // timedelta(minutes=1)
        raise ApiError(
            404, f"no bundle of {device_id} was asked for by this request, or longer than {minutes} minutes ago"
        )
    return call


def _find(context: Context, device_id: str, name: str) -> Call | None:
    data = context.settings.data
    if not (data / AUDIT).exists():
        return None
    try:
        entry = Trail.open(data).find(name)
    except AuditError as error:
        _log.warning("diagnostics: %s", error)
        raise Crowded("the audit cannot be read just now") from error
    if entry is None or (entry.call.action, entry.call.device_id) != (DIAGNOSTICS, device_id):
        return None
    return entry.call if abs(context.clock() - entry.at) <= OPEN_FOR else None


def _note_stored(context: Context, call: Call, octets: int) -> None:
    """Whoever asked may wait no more: that the bundle came is in the audit all the same."""
    try:
        Trail.open(context.settings.data).note_ending(call, of_bundle(octets, 0), context.clock())
    except AuditError as error:
        _log.warning("diagnostics: %s", error)


def _require_zip_type() -> None:
    if request.mimetype != "application/zip":
        wrong = FieldError("Content-Type", shown(request.mimetype), "application/zip")
        raise ApiError(415, str(wrong), field=wrong)


def _drain() -> None:
    """Read on for a while: a sender whose body nobody reads finds its connection broken, and not the answer."""
    left = 2 * MOST_DIAGNOSTICS
    with suppress(ClientDisconnected, OSError):
        while left > 0 and (chunk := request.stream.read(64 * 1024)):
            left -= len(chunk)


def _take(context: Context, device_id: str, name: str) -> int:
    call = _opened(context, device_id, name)
    _require_zip_type()
    bundles = Bundles(context.settings.data)
    try:
        octets = bundles.take(device_id, name, request.stream, request.content_length).octets
    except AlreadyStored:
        raise ApiError(409, "the bundle of this request is here already") from None
    except TooLarge:
        raise ApiError(413, f"the bundle is too large; allowed: at most {MOST_DIAGNOSTICS} bytes") from None
    except (NotZip, ClientDisconnected):
        raise ApiError(400, "the body is not a whole zip file") from None
    except OSError as error:
        _log.warning("diagnostics: the bundle of %s cannot be kept: %s", device_id, error)
        raise Crowded("the server cannot keep a bundle just now") from error
    _note_stored(context, call, octets)
    return octets
