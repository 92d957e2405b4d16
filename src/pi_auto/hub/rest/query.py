"""`/devices/query`: a query over all twins, page by page.

A page ends after a last device; the continuation is its id. Twins are read in portions, so
that a query over ten thousand holds nobody up.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from pi_auto.hub.query.evaluation import Groups, projected, selects
from pi_auto.hub.query.lexer import QueryError
from pi_auto.hub.query.parser import parse
from pi_auto.hub.query.query import Query
from pi_auto.hub.rest import shapes
from pi_auto.hub.rest.app import HUB, object_of
from pi_auto.hub.rest.errors import RefusedError
from pi_auto.hub.rest.standing import standings
from pi_auto.hub.services import Services

MOST_PAGE = 100  # items, and as many without x-ms-max-item-count; Azure's figure
_PORTION = 200  # twins read from the database at once
Json = dict[str, Any]


async def run(request: web.Request) -> web.Response:
    """POST: `{"query": "SELECT …"}`; a list of devices or of rows."""
    body = await object_of(request)
    text = body.get("query")
    if not isinstance(text, str):
        raise RefusedError("ArgumentInvalid", "query is not a string")
    try:
        query = parse(text)
    except QueryError as error:
        raise RefusedError("ArgumentInvalid", f"the query cannot be understood: {error}") from None
    most, (after, given) = _page_size(request), _place(request)
    if query.aggregates:
        return _page(await _grouped(request.app[HUB], query), "raw", None)
    rows, last = await _selected(request.app[HUB], query, after, min(most, _left(query, given)))
    more = last is not None and _left(query, given + len(rows)) > 0
    return _page(rows, "raw" if query.columns else "twin", _token(last, given + len(rows)) if more else None)


def _left(query: Query, given: int) -> int:
    return MOST_PAGE if query.top is None else max(0, query.top - given)


async def _grouped(hub: Services, query: Query) -> list[Json]:
    groups = Groups(query)
    async for document in _documents(hub, ""):
        if selects(query, document):
            groups.add(document)
    return groups.rows()


async def _selected(hub: Services, query: Query, after: str, most: int) -> tuple[list[Json], str | None]:
    """At most so many rows, and the last device looked at if there are more."""
    rows: list[Json] = []
    last = after
    async for document in _documents(hub, after):
        if selects(query, document):
            if len(rows) == most:
                return rows, last
            rows.append(projected(query, document))
        last = document["deviceId"]
    return rows, None


async def _documents(hub: Services, after: str) -> AsyncIterator[Json]:
    while twins := await hub.twins.views(after, _PORTION):
        stand = await standings(hub, [twin.device_id for twin in twins])
        for twin, stands in zip(twins, stand, strict=True):
            if device := hub.registry.find(twin.device_id):
                yield shapes.twin(device, twin, stands)
        after = twins[-1].device_id


def _page_size(request: web.Request) -> int:
    text = request.headers.get("x-ms-max-item-count", str(MOST_PAGE))
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise RefusedError("ArgumentInvalid", f"x-ms-max-item-count is {text[:20]!r}; allowed: 1 and above")
    return min(int(text[:9]), MOST_PAGE)


def _token(last: str | None, given: int) -> str:
    return urlsafe_b64encode(json.dumps([last, given]).encode()).decode()


def _place(request: web.Request) -> tuple[str, int]:
    """Behind which device this page begins, and how many items came before it."""
    text = request.headers.get("x-ms-continuation")
    if not text:
        return "", 0
    try:
        after, given = json.loads(urlsafe_b64decode(text))
        after.encode()  # half of a surrogate pair can be written in JSON, and not be looked up
        return after, int(given)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise RefusedError("ArgumentInvalid", "x-ms-continuation is not one of this hub's") from None


def _page(rows: list[Json], kind: str, token: str | None) -> web.Response:
    headers = {"x-ms-item-type": kind}
    if token:
        headers["x-ms-continuation"] = token
    return web.json_response(rows, headers=headers)
