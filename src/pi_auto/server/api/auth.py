"""Which device is calling: the bearer token says, never the body."""

from __future__ import annotations

from pi_auto.server.api.errors import ApiError
from pi_auto.server.context import Context
from pi_auto.server.fleet.tokens import device_of_token
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import TOKEN

_SCHEME = "bearer"


def authenticate(context: Context, authorization: str | None) -> str:
    """The device whose token the `Authorization` header carries. Raises ApiError 401 (register again)."""
    if not authorization:
        raise ApiError(401, "this needs the header `Authorization: Bearer <api_token>`; a device gets its token"
                            " from POST /api/register_device")  # fmt: skip
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != _SCHEME or not TOKEN.match(token):
        raise ApiError(401, "the Authorization header is not of the form `Bearer <api_token>`")
    with context.store.engine.connect() as connection:
        device_id = device_of_token(connection, token)
    if device_id is None:
        raise ApiError(401, "the token is not, or no longer, good; register again with the device's claim")
    return device_id


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
