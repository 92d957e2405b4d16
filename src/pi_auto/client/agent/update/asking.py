"""`pi-auto-client check-update`: asks for an update now instead of within the hour, and shows how it goes on.

It asks the server itself, to say at once what a person has to know; the agent is rung to do the work, since
nobody else may write where that is done.
"""

from __future__ import annotations

import sys

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.enrolment.identity import stored_identity
from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update.check import ask, outcome
from pi_auto.client.agent.update.following import Follower
from pi_auto.client.agent.update.trust import update_root
from pi_auto.client.settings import Settings
from pi_auto.client.spool.doorbell import UPDATE, ring
from pi_auto.client.whereabouts import card_of, giver, kept_registration, known_endpoint
from pi_auto.wire.update import Offer


def ask_now(settings: Settings) -> int:
    """Ask with what the server gave this device; the exit code, 0 if there was an answer and all went well."""
    card = card_of(settings)
    given_by = giver(settings, card)
    try:
        identity = stored_identity(settings.agent_folder)
        given = kept_registration(settings, identity.device_id) if identity else None
    except OSError as error:
        return _cannot(f"{error.filename}: {error.strerror}; run it with sudo")
    if identity is None or given is None:
        return _cannot(
            f"{given_by or 'its server'} has not registered this device yet; see: pi-auto-client status"
        )
    api = ServerApi(known_endpoint(settings))
    try:
        answer = ask(api, identity.device_id, given.api_token)
    except ApiError as error:
        return _cannot(str(error))
    finally:
        api.close()
    trusts = update_root(card) is not None
    print(outcome(answer, trusts=trusts), flush=True)
    if not isinstance(answer, Offer):
        ring(settings.agent_folder / "wake.sock", UPDATE)  # so that its journal and the status say it as well
        return 0
    return Follower(settings.state).follow() if trusts else 1


def _cannot(reason: str) -> int:
    print(f"pi-auto-client check-update: cannot ask for an update: {reason}", file=sys.stderr)
    return 1
