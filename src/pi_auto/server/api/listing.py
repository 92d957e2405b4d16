"""The scans that scripts read: GET /api/scans."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from typing import Any

from flask import Request, Response, request
from sqlalchemy import Row

from pi_auto.server.api.answers import HEADERS
from pi_auto.server.api.breaking_off import whole_or_cut
from pi_auto.server.api.errors import Crowded
from pi_auto.server.api.formats import FORMATS, Format
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.context import Context, current
from pi_auto.server.fleet.queries import find_device
from pi_auto.server.scans.queries import MOST_IN_PAGE, ScanFilter, page_scans

DEFAULT_LIMIT = 100
MOST_AS_JSON = 10_000
MOST_STREAMED = 2**31 - 1
MOST_DOWNLOADS = 16  # at once: each holds a thread for as long as its reader takes
PARAMETERS = ("device", "since", "until", "text", "limit", "order", "format")
_downloads = threading.BoundedSemaphore(MOST_DOWNLOADS)


def list_scans() -> Response:
    """Scans, newest first: 100 of them as JSON, or as many as there are as JSON lines or CSV."""
    context = current()
    parameters = Parameters(request.args, PARAMETERS)
    form = _format(parameters, request)
    wanted = _filter(context, parameters, form)
    pages: Iterator[Sequence[Row[Any]]] = page_scans(context.store.engine, wanted) if wanted else iter(())
    first = next(pages, ())  # whatever can fail fails before the answer has begun
    body = (piece.encode() for piece in form.write(chain([first] if first else [], pages)))
    if wanted is None or (wanted.limit and wanted.limit <= MOST_IN_PAGE):
        return Response(b"".join(body), 200, HEADERS, mimetype=form.mimetype)
    return _download(body, form)


def _download(body: Iterator[bytes], form: Format) -> Response:
    """An answer that is read out of the books while it is sent, for as long as its reader takes."""
    if not _downloads.acquire(blocking=False):
        raise Crowded(f"{MOST_DOWNLOADS} downloads of more than {MOST_IN_PAGE} scans are under way")
    seat = ExitStack()
    seat.callback(_downloads.release)

    def sent() -> Iterator[bytes]:
        with seat:
            yield from whole_or_cut(body)

    response = Response(sent(), 200, HEADERS, mimetype=form.mimetype)
    response.call_on_close(seat.close)  # a reader may go before the first byte; twice does no harm
    return response


def _format(parameters: Parameters, asked: Request) -> Format:
    """The format by name, else by the Accept header, else JSON."""
    name = parameters.choice("format", tuple(FORMATS))
    if name:
        return FORMATS[name]
    by_type = {form.mimetype: form for form in FORMATS.values()}
    best = asked.accept_mimetypes.best_match(list(by_type), default="application/json")
    return by_type[best]


def _filter(context: Context, parameters: Parameters, form: Format) -> ScanFilter | None:
    """What the query asks for; nothing if it names a device that is not there."""
    limit = parameters.integer("limit", most=MOST_AS_JSON if form.bounded else MOST_STREAMED)
    wanted = ScanFilter(
        device_id=parameters.text("device", most=253),
        since=parameters.time("since"),
        until=parameters.time("until"),
        text=parameters.text("text", most=8192),
        limit=limit or (DEFAULT_LIMIT if form.bounded else None),
        oldest_first=parameters.choice("order", ("newest", "oldest")) == "oldest",
    )
    return _by_name(context, wanted) if wanted.device_id else wanted


def _by_name(context: Context, wanted: ScanFilter) -> ScanFilter | None:
    with context.store.engine.connect() as connection:
        row = find_device(connection, wanted.device_id or "")
    return replace(wanted, device_id=row.device_id) if row else None
