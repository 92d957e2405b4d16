"""Whether the server answers the question of every hour, whether it can be believed, how the last update went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.errors import ApiError
from pi_auto.client.agent.update.check import OFF, ask
from pi_auto.client.agent.update.ledger import latest
from pi_auto.client.agent.update.told import Step
from pi_auto.client.agent.update.trust import update_root
from pi_auto.client.doctor.asking import TO_ANSWER
from pi_auto.client.doctor.findings import Verdict, ok, warn, wrong
from pi_auto.client.doctor.patient import Patient
from pi_auto.client.whereabouts import card_of, known_endpoint
from pi_auto.version import __version__
from pi_auto.wire.update import Offer, status_of


@dataclass(frozen=True, slots=True)
class Facts:
    """`offered` by the server; `trouble` is why it could not be asked, `last` what the agent tells of its try.

    `trusts` says whether the device knows an update root; `gone_wrong` is how the last update ended, if not well.
    """

    registered: bool
    offered: str | None = None
    trouble: str = ""
    last: str = ""
    trusts: bool = True
    has_card: bool = False
    gone_wrong: str = ""


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
    card = card_of(patient.settings)
    trusts = update_root(card) is not None
    ended = latest(patient.settings.state)
    gone_wrong = f"{ended.version} was {ended.step.replace('_', ' ')}: {ended.reason}" if is_bad(ended) else ""
    api = ServerApi(known_endpoint(patient.settings), patience=TO_ANSWER)
    try:
        answer = ask(api, given.device_id, given.api_token)
    except ApiError as error:
        return Facts(True, trouble=str(error), last=last, trusts=trusts, gone_wrong=gone_wrong)
    finally:
        api.close()
    offered = answer.latest_version if isinstance(answer, Offer) else None
    return Facts(True, offered, "", last, trusts, card is not None, gone_wrong)


def is_bad(step: Step | None) -> TypeGuard[Step]:
    """Whether that is an update which did not end well."""
    return step is not None and status_of(step.step) == "failed"


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
    return _judge_trust(facts) or _judge_offer(facts)


def _judge_trust(facts: Facts) -> Verdict | None:
    """What stands in the way of updates though the server answers."""
    if not facts.trusts and not facts.has_card:
        return ok(f"the server answers; {OFF}")
    if not facts.trusts:
        return warn(OFF, "install it again with a fleet card that has an update root, if it is to take updates")
    if facts.gone_wrong:
        return warn(
            f"the last update did not end well: {facts.gone_wrong}",
            "the former release goes on; see docs/troubleshooting.md, An update does not come",
        )
    return None


def _judge_offer(facts: Facts) -> Verdict:
    if facts.offered:
        return ok(f"version {facts.offered} is offered, and taken when it is this device's turn")
    return ok(f"the server answers: version {__version__} is the right one")
