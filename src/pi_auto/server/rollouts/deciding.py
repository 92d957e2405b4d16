"""Whether a device should take a release now: the books' facts, the rules' choice, the wire's answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pi_auto.server.rollouts.candidates import Facts
from pi_auto.server.rollouts.facts import facts_of
from pi_auto.server.rollouts.rules import No, Yes, choose
from pi_auto.server.store.statements import first_row
from pi_auto.wire.update import NoUpdate, Offer

_RELEASE = "SELECT version, update_id, target, size, notes FROM releases WHERE counter = ?"


def decide(books: Connection, device_id: str, version: str, now: datetime) -> NoUpdate | Offer:
    """The answer to a device that runs `version`. Reads only."""
    facts = facts_of(books, device_id, version)
    return answer(books, facts, choose(facts, now))


def answer(books: Connection, facts: Facts, choice: Yes | No) -> NoUpdate | Offer:
    """A choice as it travels."""
    if isinstance(choice, No):
        return NoUpdate(facts.version, choice.why, choice.wait)
    counter = choice.target.counter
    version, update_id, target, size, notes = first_row(books, _RELEASE, (counter,))
    return Offer(
        current_version=facts.version,
        latest_version=version,
        update_id=update_id,
        target=target,
        counter=counter,
        update_size=size,
        file_hash=update_id,
        download_url=f"/api/ota/download_update?update_id={update_id}",
        release_notes=notes,
        mandatory=choice.urgent,
    )
