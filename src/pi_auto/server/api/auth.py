"""Which device is calling: the bearer token says, never the body.

What a token is worth is in the books alone. A device that sends all day is recognised from
memory when it begins to speak, and confirmed in the transaction that books what it says: so
a token that was replaced opens nothing from the moment of that commit on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import Connection

from pi_auto.server.api.errors import ApiError
from pi_auto.server.api.writing import committed
from pi_auto.server.context import Context
from pi_auto.server.enrolment.clones import note_stale
from pi_auto.server.enrolment.tokens import device_of, was_retired
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.fleet.tokens import device_of_token
from pi_auto.server.store.engine import Store
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import TOKEN

_SCHEME = "bearer"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED = 20_000  # tokens, some 5 MB


@dataclass(frozen=True, slots=True)
class Caller:
    """A device that has shown a token, the hash of that, and when."""

    device_id: str
    hashed: bytes = field(repr=False)
    at: datetime


def authenticate(context: Context, authorization: str | None) -> str:
    """The device whose token the `Authorization` header carries. Raises ApiError 401 (register again)."""
    return _look_up(context.store, _hash_in(authorization), context.clock())


def recognise(context: Context, authorization: str | None) -> Caller:
    """As `authenticate`, but maybe from memory: good enough to listen to, and to be confirmed before booking."""
    hashed = _hash_in(authorization)
    return Caller(_remembered(context.store, hashed), hashed, context.clock())


def confirm(connection: Connection, caller: Caller) -> None:
    """Make sure, in the transaction that books for the caller. Raises ApiError 401."""
    if _device_of(connection, caller.hashed, caller.at) != caller.device_id:
        _remembered.cache_clear()
        raise _no_longer_good()


def look_for_copy(context: Context, authorization: str | None, address: str) -> None:
    """A token that opens nothing may be one that its device had done with: then two have had it."""
    try:
        hashed, now = _hash_in(authorization), context.clock()
    except ApiError:
        return
    with context.store.engine.connect() as connection:
        if not was_retired(connection, hashed):
            return
    committed(context, lambda books: note_stale(books, hashed, now, address))


def authenticate_if_shown(context: Context, authorization: str | None, named: str) -> str | None:
    """The caller of an endpoint that old clients use without a token: one that is shown must fit `named`."""
    if not authorization:
        return None
    device_id = authenticate(context, authorization)
    require_same(device_id, named)
    return device_id


def require_same(caller: str, named: str) -> None:
    """Nobody speaks for another device: ApiError 403."""
    if caller != named:
        wrong = FieldError("device_id", repr(named), f"the caller's own id, {caller}")
        raise ApiError(403, str(wrong), field=wrong)


def _hash_in(authorization: str | None) -> bytes:
    if not authorization:
        raise ApiError(401, "this needs the header `Authorization: Bearer <api_token>`; a device gets its token"
                            " from POST /api/register_device")  # fmt: skip
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != _SCHEME or not TOKEN.match(token):
        raise ApiError(401, "the Authorization header is not of the form `Bearer <api_token>`")
    return hash_secret(token)


def _look_up(store: Store, hashed: bytes, now: datetime = _LONG_AGO) -> str:
    """Whose token it is; one that had run out by `now` is nobody's."""
    with store.engine.connect() as connection:
        device_id = _device_of(connection, hashed, now)
    if device_id is None:
        raise _no_longer_good()
    return device_id


def _device_of(connection: Connection, hashed: bytes, now: datetime) -> str | None:
    """The device of a token, by a claim or by a key."""
    return device_of_token(connection, hashed) or device_of(connection, hashed, now)


# An exception is not remembered: a bad token is looked up each time. `confirm` sees whether it has run out.
_remembered = lru_cache(_REMEMBERED)(_look_up)


def _no_longer_good() -> ApiError:
    return ApiError(401, "the token is not, or no longer, good; register again, or renew it with the device's key")
