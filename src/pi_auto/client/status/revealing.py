"""`pi-auto-client status --secrets`: what the server gave this device, for who may read it: its user, or sudo."""

from __future__ import annotations

from typing import Any

from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.settings import Settings
from pi_auto.client.whereabouts import kept_registration


def secrets_of(settings: Settings) -> dict[str, Any]:
    """The connection string of this device and its token for the server; None for what it was not given."""
    identity = stored_identity(settings.agent_folder)
    given = kept_registration(settings, identity.device_id) if identity else None
    return {
        "connection_string": given.connection_string if given else None,
        "api_token": given.api_token if given else None,
    }
