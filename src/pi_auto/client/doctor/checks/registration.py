"""Whether the server has registered this device; if not, what the agent heard last."""

from __future__ import annotations

from dataclasses import dataclass

from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.whereabouts import giver
from pi_auto.wire.times import format_time


@dataclass(frozen=True, slots=True)
class Facts:
    """`since` when the device is registered with `server`, None if it is not.

    `answers` and `said` are the agent's last word on the server; None where it tells nothing.
    `verdict` and `remedy` are what the fleet said of a device that it has not taken in.
    """

    server: str
    device_id: str | None = None
    since: str | None = None
    answers: bool | None = None
    said: str = ""
    verdict: str = ""
    remedy: str = ""


_TAKEN = "status 409"  # the server's refusal of an id that another device has claimed


def look(patient: Patient) -> Verdict:
    """Do it."""
    return judge(probe(patient))


def probe(patient: Patient) -> Facts:
    """Read what the agent keeps and tells."""
    identity, given = patient.identity(), patient.registration()
    told = patient.agent_tells()
    post, enrolment = told.get("server"), told.get("enrolment")
    refused = enrolment.news if enrolment and not enrolment.news["ok"] else {}
    return Facts(
        giver(patient.settings, patient.card()),
        identity.device_id if identity else None,
        format_time(given.registration_date) if given else None,
        bool(post.news["ok"]) if post else None,
        str(post.news["said"]) if post else "",
        str(refused.get("said", "")),
        str(refused.get("remedy", "")),
    )


def judge(facts: Facts) -> Verdict:
    """What that means."""
    if facts.verdict:
        return wrong(facts.verdict, facts.remedy)
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
