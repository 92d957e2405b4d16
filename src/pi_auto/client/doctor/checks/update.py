"""Whether the server answers the question of every hour: is there a new release."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update.check import offered_version
from pi_auto.client.doctor.asking import TO_ANSWER
from pi_auto.client.doctor.findings import Verdict, ok, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.whereabouts import known_endpoint
from pi_auto.version import __version__


@dataclass(frozen=True, slots=True)
class Facts:
    """`offered` by the server; `trouble` is why it could not be asked, `last` what the agent tells of its try."""

    registered: bool
    offered: str | None = None
    trouble: str = ""
    last: str = ""


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Ask the server with what it gave this device, as the agent does."""
    given = patient.registration()
    if given is None:
        return Facts(registered=False)
    post = patient.agent_tells().get("update")
    last = f"{post.news['said']} (asked at {post.news.get('at')})" if post else "not asked since the start"
    api = ServerApi(known_endpoint(patient.settings), patience=TO_ANSWER)
    try:
        return Facts(True, offered_version(api, given.device_id, given.api_token), last=last)
    except ApiError as error:
        return Facts(True, trouble=str(error), last=last)
    finally:
        api.close()


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if not facts.registered:
        return wrong(
            "updates cannot be asked for before the device is registered", "see the line about the registration"
        )
    if facts.trouble:
        return wrong(
            f"updates cannot be asked for: {facts.trouble}; the agent's own last try: {facts.last}",
            "see the line about the server; then: sudo pi-auto-client check-update",
        )
    if facts.offered:
        return ok(f"version {facts.offered} is offered; this version of the client cannot install updates yet")
    return ok(f"the server answers: version {__version__} is the right one")
