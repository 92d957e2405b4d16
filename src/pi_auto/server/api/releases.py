"""GET /api/ota/metadata/<name> and /api/ota/download_update: what the fleet has signed, and the archives of it.

Nothing of it has to be believed because it comes from here. Whatever has a version or a hash in its
name never changes; the timestamp does.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from flask import Response, request

from pi_auto.server.api.answers import HEADERS
from pi_auto.server.api.auth import authenticate
from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.parameters import Parameters
from pi_auto.server.context import Context, current
from pi_auto.server.enrolment.limits import household
from pi_auto.server.releases.listing import Fetched, authority_of
from pi_auto.server.releases.names import METADATA, TIMESTAMP
from pi_auto.server.releases.ranges import NotSatisfiable, content_range, wanted
from pi_auto.server.releases.sending import Sending, Span, octets_of
from pi_auto.server.releases.shelf import Shelf
from pi_auto.server.store.statements import first_row
from pi_auto.wire.release import MOST_METADATA, SHA256

_FOREVER = "private, max-age=31536000, immutable"
_ASK_ANEW = "private, no-cache"
_TYPE = "application/octet-stream"
_RELEASE = "SELECT version, target, size, withdrawn_at FROM releases WHERE update_id = ?"


def metadata(name: str) -> Response:
    """A file of the fleet's signed metadata, as it was signed."""
    octets = Shelf(current().settings.data).read(name) if METADATA.match(name) else None
    if octets is None or len(octets) > MOST_METADATA:
        raise ApiError(404, f"there are no metadata {name[:64]!r}")
    response = Response(octets, 200, {"X-Content-Type-Options": "nosniff"}, mimetype="application/json")
    response.set_etag(hashlib.sha256(octets).hexdigest())
    response.headers["Cache-Control"] = _ASK_ANEW if name == TIMESTAMP else _FOREVER
    response.make_conditional(request)
    return response


def download_update() -> Response:
    """The archive of a release, or the parts of it that the `Range` header names."""
    update_id = Parameters(request.args, ("update_id",)).required("update_id", most=64)
    context = current()
    with context.downloads.looking_up():
        return _answered(context, update_id)


def _answered(context: Context, update_id: str) -> Response:
    found = _find(context, update_id)
    etag = f'"{found.sha256}"'
    always = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": _FOREVER,
        "X-Content-Type-Options": "nosniff",
    }
    if request.if_none_match.contains(found.sha256):
        return Response(status=304, headers=always)
    if_range = request.headers.get("If-Range")
    try:
        spans = wanted(request.headers.get("Range"), found.size) if if_range in {None, etag} else None
    except NotSatisfiable:
        return _refused_ranges(found.size, always)
    headers, parts = _laid_out(spans, found.size)
    status = 200 if spans is None else 206
    if request.method == "HEAD":
        return Response(status=status, headers=always | headers)
    return Response(_send(context, found, parts), status, always | headers)


def _find(context: Context, update_id: str) -> Fetched:
    """A release that is not withdrawn, or the fleet's authority. Raises ApiError 404, 410."""
    shelf = Shelf(context.settings.data)
    with context.store.engine.connect() as books:
        row = first_row(books, _RELEASE, (update_id,)) if SHA256.match(update_id) else None
    if row and row[3] is not None:
        raise ApiError(410, f"the release {row[0]} was withdrawn")
    found = Fetched(row[1], update_id, row[2]) if row else authority_of(shelf)
    if found is None or found.sha256 != update_id:
        raise ApiError(404, f"there is no update {update_id!r}")
    if not found.file(shelf).exists():
        raise ApiError(404, f"the archive of {found.target} is not here; publish its bundle again")
    return found


def _laid_out(spans: list[Span] | None, size: int) -> tuple[dict[str, str], list[bytes | Span]]:
    """The headers of the body, and what it is made of."""
    if spans is None:
        return {"Content-Type": _TYPE, "Content-Length": str(size)}, [(0, size)]
    if len(spans) == 1:
        ((start, stop),) = spans
        return {
            "Content-Type": _TYPE, "Content-Length": str(stop - start),
            "Content-Range": content_range(start, stop, size),
        }, list(spans)  # fmt: skip
    boundary = secrets.token_hex(16)
    parts: list[bytes | Span] = []
    for start, stop in spans:
        where = content_range(start, stop, size)
        parts += [
            f"\r\n--{boundary}\r\nContent-Type: {_TYPE}\r\nContent-Range: {where}\r\n\r\n".encode(),
            (start, stop),
        ]
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    length = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
    kind = f"multipart/byteranges; boundary={boundary}"
    return {"Content-Type": kind, "Content-Length": str(length)}, parts


def _refused_ranges(size: int, always: Mapping[str, str]) -> Response:
    said = f"the Range header names nothing of these {size} bytes, or too much; allowed: ranges in their order"
    return Response(f'{{"error":"{said}"}}\n', 416, dict(always) | HEADERS | {"Content-Range": f"bytes */{size}"},
                    mimetype="application/json")  # fmt: skip


def _send(context: Context, found: Fetched, parts: list[bytes | Span]) -> Sending:
    """Where nobody has to say who they are, a seat is the address's, which may be that of a thousand devices."""
    authorization = request.headers.get("Authorization")
    who = authenticate(context, authorization) if authorization else household(request.remote_addr or "")
    octets = octets_of(parts)
    ended = context.downloads.begin(who, octets, found.size, counts=bool(authorization))
    try:
        return Sending(found.file(Shelf(context.settings.data)), parts, ended)
    except BaseException:
        ended(octets)
        raise
