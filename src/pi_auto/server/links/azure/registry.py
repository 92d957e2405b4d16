"""The device identities of a hub at Azure: made, changed and removed so that a lost answer does no harm.

A change names the ETag it was read with. Where that is stale somebody else was quicker, or it
was ourselves and the answer was lost: it is read again, and done unless it is done already.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pi_auto.server.links.azure.answers import Answer, is_of_no_device, refusal
from pi_auto.server.links.azure.rest import RestClient, path_of
from pi_auto.server.links.base import HubUnavailable
from pi_auto.wire.errors import FieldError, shown
from pi_auto.wire.fields import Fields

_KEY_BYTES = 32
_TRIES = 3
Identity = dict[str, Any]


class Identities:
    """The registry behind one client. Every method raises HubUnavailable or HubRefused."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def put(self, device_id: str) -> str:
        """Make sure it exists; its primary key. One that is there stays as it is."""
        fresh = {"deviceId": device_id, "status": "enabled", "authentication": _keys(_new_key(), _new_key())}
        answer = self._rest.ask("PUT", path_of("devices", device_id), fresh)
        if answer.status == HTTPStatus.CONFLICT:  # it was there, or it was made and the answer was lost
            return primary_key(self._read(device_id))
        return primary_key(_identity(answer, device_id, "put_device"))

    def set_enabled(self, device_id: str, *, enabled: bool) -> None:
        """Let it connect, or end its connection."""
        status = "enabled" if enabled else "disabled"
        self._change(device_id, "set_enabled", lambda known: None if known.get("status") == status
                     else known | {"status": status})  # fmt: skip

    def rotate_keys(self, device_id: str) -> str:
        """A new primary key, which is returned; the one before becomes the secondary."""
        key = _new_key()

        def rotated(known: Identity) -> Identity | None:
            before = primary_key(known)
            return None if before == key else known | {"authentication": _keys(key, before)}

        self._change(device_id, "rotate_keys", rotated)
        return key

    def delete(self, device_id: str) -> None:
        """Remove it and its twin, if it is there."""
        answer = self._rest.ask("DELETE", path_of("devices", device_id), if_match='"*"')
        if not answer.ok and not is_of_no_device(answer):
            raise refusal(f"delete_device of {device_id}", answer)

    def _change(self, device_id: str, asked: str, change: Callable[[Identity], Identity | None]) -> None:
        for _ in range(_TRIES):
            wanted = change(self._read(device_id))
            if wanted is None:
                return
            etag = f'"{wanted.get("etag", "")}"'
            answer = self._rest.ask("PUT", path_of("devices", device_id), wanted, if_match=etag)
            if answer.ok:
                return
            if answer.status != HTTPStatus.PRECONDITION_FAILED:
                raise refusal(f"{asked} of {device_id}", answer)
        raise HubUnavailable(f"somebody else keeps changing {device_id}")

    def _read(self, device_id: str) -> Identity:
        return _identity(self._rest.ask("GET", path_of("devices", device_id)), device_id, "a look")


def primary_key(identity: Identity) -> str:
    """Out of an identity; HubUnavailable where it has none, as one that shows a certificate instead."""
    try:
        return Fields(identity).object("authentication").object("symmetricKey").text("primaryKey", most=256)
    except FieldError as error:
        raise HubUnavailable(f"the identity at Azure has no key to give to the device: {error.field}") from None


def _identity(answer: Answer, device_id: str, asked: str) -> Identity:
    """The identity in an answer. That of another device answers another question: its key is not given."""
    if not answer.ok:
        raise refusal(f"{asked} of {device_id}", answer)
    if not isinstance(answer.body, dict):
        raise HubUnavailable(f"Azure answered {asked} of {device_id} with something else than an object")
    named = answer.body.get("deviceId", device_id)
    if named != device_id:
        raise HubUnavailable(f"Azure answered {asked} of {device_id} with the identity of {shown(named)}")
    return answer.body


def _keys(primary: str, secondary: str) -> dict[str, Any]:
    return {"type": "sas", "symmetricKey": {"primaryKey": primary, "secondaryKey": secondary}}


def _new_key() -> str:
    return b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
