"""POST /api/scans: a device hands over a batch, and may forget it once this has answered 200."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request
from sqlalchemy import Connection
from werkzeug.wsgi import get_content_length, get_input_stream

from pi_auto.server.api.answers import respond
from pi_auto.server.api.auth import confirm, look_for_copy, recognise, require_same
from pi_auto.server.api.bodies import read_json
from pi_auto.server.api.body_seats import DEVICES
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context, current
from pi_auto.server.enrolment.clones import note_live
from pi_auto.server.proven import PROVED
from pi_auto.server.scans.batches import book_batch
from pi_auto.server.scans.booking import Way
from pi_auto.wire.batch import Acknowledgement, Batch

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment  # it exists for type checkers only


def receive_scans() -> Response:
    """Book a batch and acknowledge all of it."""
    return respond(take_batch(current(), request.environ).to_json())


def take_batch(context: Context, environ: WSGIEnvironment) -> Acknowledgement:
    """The same without Flask; `environ` is WSGI's. Raises whatever `errors.answer_to` knows to answer."""
    authorization, address = environ.get("HTTP_AUTHORIZATION"), environ.get("REMOTE_ADDR") or ""
    try:
        caller = recognise(context, authorization)
    except ApiError:
        look_for_copy(context, authorization, address)
        raise
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    stream, length = get_input_stream(environ), get_content_length(environ)
    batch = Batch.from_json(read_json(stream, length, encoding, DEVICES.one(caller.device_id)))
    require_same(caller.device_id, batch.device_id)
    now = context.clock()

    def job(books: Connection) -> Acknowledgement:
        confirm(books, caller)
        if batch.boot:
            note_live(books, caller.device_id, batch.boot, caller.at, now, address)
        return book_batch(books, caller.device_id, batch, Way.API, now)

    acknowledgement = committed(context, job)
    environ[PROVED] = True
    return acknowledgement
