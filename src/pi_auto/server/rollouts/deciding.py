"""Whether a device should take a release now: the books' facts, the rules' choice, the wire's answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from pi_auto.server.releases.tables import releases
from pi_auto.server.rollouts.facts import facts_of
from pi_auto.server.rollouts.rules import Facts, No, Yes, choose
from pi_auto.wire.update import NoUpdate, Offer


def decide(books: Connection, device_id: str, version: str, now: datetime) -> NoUpdate | Offer:
    """The answer to a device that runs `version`. Reads only."""
    facts = facts_of(books, device_id, version)
    return answer(books, facts, choose(facts, now))


def answer(books: Connection, facts: Facts, choice: Yes | No) -> NoUpdate | Offer:
    """A choice as it travels."""
    if isinstance(choice, No):
        return NoUpdate(facts.version, choice.why, choice.wait)
    row = books.execute(select(releases).where(releases.c.counter == choice.target.counter)).one()
    return Offer(
        current_version=facts.version,
        latest_version=row.version,
        update_id=row.update_id,
        target=row.target,
        counter=row.counter,
        update_size=row.size,
        file_hash=row.update_id,
        download_url=f"/api/ota/download_update?update_id={row.update_id}",
        release_notes=row.notes,
        mandatory=row.mandatory or choice.urgent,
    )
