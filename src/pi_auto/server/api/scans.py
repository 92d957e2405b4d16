"""POST /api/scans: a device hands over a batch, and may forget it once this has answered 200."""

from __future__ import annotations

from flask import Response, request

from pi_auto.server.api.answers import respond
from pi_auto.server.api.auth import authenticate, require_same
from pi_auto.server.api.bodies import json_body
from pi_auto.server.api.writing import committed
from pi_auto.server.context import current
from pi_auto.server.scans.batches import book_batch
from pi_auto.server.scans.booking import Way
from pi_auto.wire.batch import Batch


def receive_scans() -> Response:
    """Book a batch and acknowledge all of it."""
    context = current()
    device_id = authenticate(context, request.headers.get("Authorization"))
    batch = Batch.from_json(json_body(request))
    require_same(device_id, batch.device_id)
    now = context.clock()
    acknowledgement = committed(context, lambda books: book_batch(books, device_id, batch, Way.API, now))
    return respond(acknowledgement.to_json())
