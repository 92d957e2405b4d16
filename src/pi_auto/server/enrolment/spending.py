"""Uses up what lets a device in: a place in a batch, a preauthorisation, a one-time code.

Each by one conditional statement, so that of several servers that look at the last place of a
batch at once, one gets it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, or_, update

from pi_auto.server.enrolment.rules import Grant
from pi_auto.server.enrolment.tables import batches, binding_codes, preauthorisations
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.wire.enrolment import Enrolment


def spend(connection: Connection, asked: Enrolment, grant: Grant, now: datetime) -> bool:
    """Whether there was still something to use up; a grant that rests on nothing of the kind always holds."""
    if grant is Grant.BATCH:
        return asked.batch_token is not None and _take_place(connection, asked.batch_token, now)
    if grant is Grant.PREAUTHORISED:
        return _use_code(connection, asked) or _use_preauthorisation(connection, asked)
    return True


def _take_place(connection: Connection, token: str, now: datetime) -> bool:
    batch = batches.c
    good = (batch.hash == hash_secret(token)) & (batch.used < batch.most)
    good &= batch.revoked_at.is_(None) & (batch.expires_at > now)
    return connection.execute(update(batches).where(good).values(used=batch.used + 1)).rowcount == 1


def _use_code(connection: Connection, asked: Enrolment) -> bool:
    if asked.secret is None:
        return False
    same = binding_codes.c.hash == hash_secret(asked.secret)
    return connection.execute(delete(binding_codes).where(same)).rowcount == 1


def _use_preauthorisation(connection: Connection, asked: Enrolment) -> bool:
    granted = preauthorisations.c
    fits = granted.fingerprint == asked.key.fingerprint
    if asked.secret is not None:
        fits = or_(fits, granted.secret_hash == hash_secret(asked.secret))
    mine = (granted.serial == asked.serial) & fits
    return connection.execute(delete(preauthorisations).where(mine)).rowcount == 1
