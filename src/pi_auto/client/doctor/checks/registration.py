"""Whether the server has registered this device; if not, what the agent heard last."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.whereabouts import card_of, giver
from pi_auto.wire.times import format_time


@dataclass(frozen=True, slots=True)
class Facts:
    """`since` when the device is registered with `server`, None if it is not.

    `answers` and `said` are the agent's last word on the server; None where it tells nothing.
    """

    server: str
    device_id: str | None = None
    since: str | None = None
    answers: bool | None = None
    said: str = ""


_TAKEN = "status 409"  # the server's refusal of an id that another device has claimed


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the agent keeps and tells."""
    identity, given = patient.identity(), patient.registration()
    post = patient.agent_tells().get("server")
    return Facts(
        giver(patient.settings, card_of(patient.settings)),
        identity.device_id if identity else None,
        format_time(given.registration_date) if given else None,
        bool(post.news["ok"]) if post else None,
        str(post.news["said"]) if post else "",
    )


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.since and facts.answers is not False:
        return ok(f"registered as {facts.device_id} since {facts.since}")
    if facts.since:
        return warn(
            f"registered as {facts.device_id} since {facts.since}, but: {facts.said}",
            "see the line about the server; the agent goes on trying",
        )
    if facts.answers is None:
        return wrong(
            "not registered, and the agent tells nothing",
            "see the line about the services: sudo systemctl start pi-auto-client",
        )
    return wrong(f"not registered with {facts.server}: {facts.said}", _remedy(facts))


def _remedy(facts: Facts) -> str:
    if facts.answers:
        return "wait a moment; the agent is at it"
    if _TAKEN in facts.said:
        return (
            f"the server knows {facts.device_id} with another secret (a new card in an old device?): "
            "have it removed at the server, then: sudo systemctl restart pi-auto-client"
        )
    return "see the line about the server; the agent goes on trying"
