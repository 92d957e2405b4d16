"""`pi-auto-client check-update`: asks for an update now instead of within the hour, and says what came of it."""

from __future__ import annotations

import sys

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update.check import offered_version, outcome
from pi_auto.client.settings import Settings
from pi_auto.client.whereabouts import card_of, giver, kept_registration, known_endpoint


def ask_now(settings: Settings) -> int:
    """Ask with what the server gave this device; the exit code, 0 if there was an answer."""
    given_by = giver(settings, card_of(settings))
    try:
        identity = stored_identity(settings.agent_folder)
        given = kept_registration(settings, identity.device_id) if identity else None
    except OSError as error:
        return _cannot(f"{error.filename}: {error.strerror}; run it with sudo")
    if identity is None or given is None:
        return _cannot(f"{given_by} has not registered this device yet; see: pi-auto-client status")
    api = ServerApi(known_endpoint(settings))
    try:
        version = offered_version(api, identity.device_id, given.api_token)
    except ApiError as error:
        return _cannot(str(error))
    finally:
        api.close()
    print(outcome(version))
    return 0


def _cannot(reason: str) -> int:
    print(f"pi-auto-client check-update: cannot ask for an update: {reason}", file=sys.stderr)
    return 1
