"""Asks the question of every hour: is there a release for this device."""

from __future__ import annotations

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import Garbled
from pi_auto.version import __version__
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.release import VERSION


def offered_version(api: ServerApi, device_id: str, token: str | None) -> str | None:
    """The version the server offers; nothing if this one is right. Raises ApiError."""
    query = {"device_id": device_id, "current_version": __version__}
    try:
        answer = Fields(api.get("/api/ota/check_update", query, token))
        return answer.text("latest_version", most=64, form=VERSION) if answer.flag("has_update") else None
    except FieldError as error:
        raise Garbled(f"the answer about updates: {error}") from None


def outcome(version: str | None) -> str:
    """What the answer means, for a person."""
    if version is None:
        return f"no update: version {__version__} is the one that the server offers"
    return f"update {version} is offered; this version of the client cannot install updates yet"
