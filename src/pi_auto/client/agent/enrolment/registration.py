"""Registers the device with its server, and keeps what it was given, so that a restart needs no server.

The answer holds secrets; its file is for this user alone. What one server or fleet gave is never
shown to another: it counts only for whoever gave it, and for the device id it was given for.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.identity import Identity
from pi_auto.client.agent.errors import Garbled
from pi_auto.files import write_whole
from pi_auto.version import __version__
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import Registration, RegistrationAnswer

log = logging.getLogger("pi_auto.registration")

FILE = "registration.json"


def register(api: ServerApi, identity: Identity, info: dict[str, Any]) -> RegistrationAnswer:
    """What the server gives this device. Repeating it is harmless: the claim is the same. Raises ApiError."""
    introduction = Registration(
        device_id=identity.device_id,
        timestamp=datetime.now(UTC),
        system_info=info,
        client_version=__version__,
        claim=identity.claim,
    )
    try:
        answer = RegistrationAnswer.from_json(api.post("/api/register_device", introduction.to_json()))
    except FieldError as error:
        raise Garbled(f"the answer to the registration: {error}") from None
    if answer.device_id != identity.device_id:
        raise Garbled(f"the server registered {answer.device_id!r} where {identity.device_id!r} asked")
    return answer


def store_registration(folder: Path, giver: str, answer: RegistrationAnswer) -> None:
    """Keep it. Raises OSError."""
    content = {"server_url": giver, "answer": answer.to_json()}
    write_whole(folder / FILE, json.dumps(content), mode=0o600)


def stored_registration(folder: Path, giver: str, device_id: str) -> RegistrationAnswer | None:
    """What `giver` gave `device_id`, if that is what is kept; a damaged file is worth a new registration."""
    try:
        content = json.loads((folder / FILE).read_bytes())
        answer, given_by = RegistrationAnswer.from_json(content["answer"]), content["server_url"]
    except FileNotFoundError:
        return None
    except (FieldError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("no registration can be read from %s: %s", folder / FILE, error)
        return None
    return answer if (given_by, answer.device_id) == (giver, device_id) else None
