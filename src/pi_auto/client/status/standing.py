"""Who this device is: its id and key, its fleet and server, and what that server has given it. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.device_key import FILE as DEVICE_KEY
from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.enrolment.openssl import OpensslError, public_of
from pi_auto.client.binding.keeping import BY_FIRST
from pi_auto.client.settings import Settings, SettingsError
from pi_auto.client.whereabouts import bound_by, card_of, giver, kept_registration
from pi_auto.wire.connection_string import ConnectionString
from pi_auto.wire.errors import FieldError
from pi_auto.wire.times import format_time

_UNKNOWN = dict.fromkeys(("device_id", "server", "fleet", "bound_by", "key", "warnings", "registered", "hub"))


def standing(settings: Settings, troubles: list[str]) -> dict[str, Any]:
    """What is known of it; None is what is not. `troubles` is told what could not be read."""
    found: dict[str, Any] = {**_UNKNOWN, "server": settings.server_url or None, "warnings": []}
    try:
        _find_out(settings, found)
    except OSError as error:
        troubles.append(f"{error.filename}: {error.strerror}")
    except SettingsError as error:  # of the card
        troubles.append(str(error))
    return found


def _find_out(settings: Settings, found: dict[str, Any]) -> None:
    """One after the other: what cannot be read leaves what was found before. Raises OSError, SettingsError."""
    card = card_of(settings)
    found["server"] = giver(settings, card) or None
    found["fleet"] = card.fleet_id if card else None
    found["bound_by"] = bound_by(settings, card)
    found["warnings"] = _warnings(settings, found["bound_by"])
    found["key"] = _key(settings.agent_folder)
    identity = stored_identity(settings.agent_folder)
    found["device_id"] = identity.device_id if identity else settings.device_id
    if given := kept_registration(settings, found["device_id"]):
        found["registered"] = format_time(given.registration_date)
        found["hub"] = _hub(given.connection_string)


def _warnings(settings: Settings, by: str | None) -> list[str]:
    """What is as it was wished, and still no good for a device out in the world."""
    if by == BY_FIRST:
        return ["trust_first_server: its fleet is that of the first server that answered, which nobody has proved"]
    if settings.trust_first_server and by is None:
        return ["trust_first_server is set: whichever server answers first will own this device and its scans"]
    return []


def _key(folder: Path) -> str | None:
    """The fingerprint of the device's key, where there is one that this user may read."""
    try:
        return public_of((folder / DEVICE_KEY).read_bytes(), DEVICE_KEY).fingerprint
    except (OSError, OpensslError, FieldError):
        return None


def _hub(connection_string: str | None) -> str | None:
    try:
        return ConnectionString.parse(connection_string).host if connection_string else None
    except FieldError:
        return "an unreadable connection string"
