"""Reads a request's body as JSON, bounded before and after it is unpacked.

A body comes from anybody: its length may lie, its gzip may be a bomb, its JSON a tower of
brackets. Each is refused with a 4xx that says what is allowed, at the cost of a bounded
amount of memory. It may also come very slowly or never: those who wait for one hold a
bounded number of threads, so that the others are still answered (body_seats.py).
"""

from __future__ import annotations

import json
import zlib
from contextlib import AbstractContextManager
from typing import IO, Any

import msgspec
from flask import Request, g
from werkzeug.datastructures import ImmutableMultiDict

from pi_auto.server.api.body_seats import DEVICES, OPERATORS, STRANGERS
from pi_auto.server.api.errors import ApiError
from pi_auto.server.enrolment.limits import household
from pi_auto.wire.batch import MOST_BODY
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.strict_json import finite, no_number

MOST_SENT = 1024 * 1024  # bytes as they travel
_GZIP = 16 + zlib.MAX_WBITS


def json_body(request: Request) -> Any:
    """The body of a request as JSON values. Raises ApiError or FieldError."""
    encoding = request.headers.get("Content-Encoding")
    return read_json(request.stream, request.content_length, encoding, _seat_of(request))


def discard_body(request: Request) -> None:
    """Take in a body that nobody wants: granian cuts a connection whose body was not read, answer and all."""
    _read(request.stream, request.content_length, _seat_of(request))


def form_of(request: Request, most: int) -> ImmutableMultiDict[str, str]:
    """The form in a request, of so many bytes at most. Raises RequestEntityTooLarge or Crowded."""
    request.max_content_length = most
    with _seat_of(request):
        return request.form


def read_json(
    stream: IO[bytes], length: int | None, encoding: str | None, seat: AbstractContextManager[None]
) -> Any:
    """A body of that announced length and encoding as JSON values, `seat` being held while it comes.

    Raises ApiError, FieldError or Crowded.
    """
    return decode_json(unpack(_read(stream, length, seat), encoding))


def _seat_of(request: Request) -> AbstractContextManager[None]:
    """That of whom the gate has let in, else a stranger's."""
    if device := g.get("device"):
        return DEVICES.one(device)
    if operator := g.get("operator"):
        return OPERATORS.one(operator.name)
    return STRANGERS.one(household(request.remote_addr or ""))


def decode_json(octets: bytes) -> Any:
    """JSON as values; NaN, broken UTF-8 and towers of brackets are refused."""
    try:
        return _decode(octets)
    except (ValueError, RecursionError) as error:
        found = shown(octets) if len(octets) <= 40 else f"{shown(octets[:40])}…"
        wrong = FieldError("the message", found, "JSON in UTF-8")
        raise ApiError(400, f"the message is not JSON: {error}", field=wrong) from None


def _decode(octets: bytes) -> Any:
    """The fast decoder refuses a message for one lone surrogate; the slow one leaves that to the field's check."""
    try:
        return msgspec.json.decode(octets)
    except msgspec.DecodeError:
        if b"\\ud" not in octets.lower():
            raise
        return json.loads(octets, parse_constant=no_number, parse_float=finite)


def unpack(sent: bytes, encoding: str | None) -> bytes:
    """The body with its content encoding undone."""
    if encoding in {None, "", "identity"}:
        return sent
    if encoding != "gzip":
        wrong = FieldError("Content-Encoding", shown(encoding), "gzip or identity")
        raise ApiError(415, str(wrong), field=wrong)
    return _gunzip(sent)


def _gunzip(sent: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        octets = unpacker.decompress(sent, MOST_BODY + 1)
    except zlib.error as error:
        raise ApiError(400, f"the message is not gzip: {error}") from None
    if len(octets) > MOST_BODY:
        raise _too_large("the unpacked message", MOST_BODY)
    if not unpacker.eof or unpacker.unused_data:
        raise ApiError(400, "the gzip of the message is cut off, or something follows it")
    return octets


def _read(stream: IO[bytes], length: int | None, seat: AbstractContextManager[None]) -> bytes:
    """All of the body; at most one byte more than is allowed is ever read."""
    if length is not None and length > MOST_SENT:
        raise _too_large("the message", MOST_SENT)
    with seat:
        return _read_all(stream)


def _read_all(stream: IO[bytes]) -> bytes:
    parts, left = [], MOST_SENT + 1
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    if not left:
        raise _too_large("the message", MOST_SENT)
    return b"".join(parts)


def _too_large(what: str, most: int) -> ApiError:
    wrong = FieldError(what, "longer", f"at most {most} bytes")
    return ApiError(413, f"{what} is too long; allowed: at most {most} bytes", field=wrong)
