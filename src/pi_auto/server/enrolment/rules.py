"""Whether a device is taken in: facts from its request and from the books go in, a verdict comes out. Pure.

The order of the questions is the policy. Being shut out comes before everything, and whoever is
enrolled already gets in under every policy; a serial that shows another key than before never
does without an operator, whatever else it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pi_auto.wire.verdicts import Refusing, Waiting


class Policy(StrEnum):
    """Who is taken in without an operator's yes for this one device."""

    APPROVE = "approve"  # whoever shows a valid batch token, or is preauthorised
    BATCH = "batch"  # the same, and who is neither is refused instead of noted
    PREAUTHORISED = "preauthorised"  # whoever is preauthorised
    CLOSED = "closed"  # nobody


class Batch(StrEnum):
    """What a batch token that was shown is worth."""

    NONE = "none"
    GOOD = "good"
    UNKNOWN = "unknown"
    RUN_OUT = "run out"
    USED_UP = "used up"


class Preauthorised(StrEnum):
    """What was granted to the serial beforehand, against what it shows."""

    NO = "no"
    BARE = "bare"  # the serial alone, which is printed on the box
    KEY = "key"  # with this key's fingerprint
    SECRET = "secret"  # noqa: S105 - with a one-time secret or a one-time code, and it was shown
    WRONG = "wrong"  # another key, or another secret


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a device asks. `known_key` is the key that its serial is enrolled with, if it is."""

    key: str
    revoked: bool = False
    known_key: str | None = None
    serial_has_other_id: bool = False
    key_has_other_serial: bool = False
    id_has_other_serial: bool = False
    id_is_claimed: bool = False  # by a device from before there were keys, and this one did not show its claim
    approved: bool = False
    batch: Batch = Batch.NONE
    preauthorised: Preauthorised = Preauthorised.NO
    granted_by: str = ""  # who is to be named for it, once it is decided


class Grant(StrEnum):
    """Why a device is taken in."""

    KNOWN = "known"  # it is enrolled with this key: it gets its credentials again
    OPERATOR = "operator"
    PREAUTHORISED = "preauthorised"
    BATCH = "batch"


Verdict = Grant | Waiting | Refusing


def decide(policy: Policy, facts: Facts) -> Verdict:
    """The verdict, for a request whose signature, nonce and fleet are good."""
    if facts.revoked:
        return Refusing.REVOKED
    bound_otherwise = facts.serial_has_other_id or facts.id_has_other_serial or facts.key_has_other_serial
    if facts.known_key == facts.key and not bound_otherwise:
        return Grant.KNOWN
    if facts.approved and not bound_otherwise:
        return Grant.OPERATOR
    if policy is Policy.CLOSED:
        return Refusing.CLOSED
    if facts.preauthorised is Preauthorised.WRONG:
        return Refusing.SECRET
    return _conflict(facts) or _granted(policy, facts) or _otherwise(policy, facts)


def _conflict(facts: Facts) -> Verdict | None:
    """What only an operator can tell: a swapped card, a new machine, an impostor."""
    if facts.key_has_other_serial:
        return Waiting.OTHER_SERIAL
    if facts.id_has_other_serial or facts.serial_has_other_id or facts.id_is_claimed:
        return Waiting.TAKEN_ID
    if facts.known_key is not None:
        # A fingerprint that an operator has typed for this serial is their yes to this key.
        return Grant.PREAUTHORISED if facts.preauthorised is Preauthorised.KEY else Waiting.NEW_KEY
    return None


def _granted(policy: Policy, facts: Facts) -> Verdict | None:
    if facts.preauthorised in {Preauthorised.KEY, Preauthorised.SECRET}:
        return Grant.PREAUTHORISED
    if facts.batch is Batch.GOOD and policy in {Policy.APPROVE, Policy.BATCH}:
        return Grant.BATCH
    return None


def _otherwise(policy: Policy, facts: Facts) -> Verdict:
    if policy is Policy.APPROVE or facts.preauthorised is Preauthorised.BARE:
        return Waiting.APPROVAL
    return Refusing.BATCH_TOKEN if policy is Policy.BATCH else Refusing.CLOSED


MOST_BOOTS = 8
LATE = timedelta(seconds=5)  # clocks of two servers of one fleet may be so far apart
HELD_UP = timedelta(seconds=60)  # what bears no nonce, such as a batch, may have been on its way for so long
Boot = tuple[str, int]  # its id, and when it was first heard of, in milliseconds since 1970


@dataclass(frozen=True, slots=True)
class Turn:
    """The boots heard of with this one; `since` is when the other device was first heard of, if there is one."""

    boots: tuple[Boot, ...]
    since: datetime | None = None


def next_turn(boots: Sequence[Boot], boot: str, asked_at: datetime, heard_at: datetime) -> Turn:
    """What a request of `boot` tells, that was made at `asked_at` or later and heard at `heard_at`.

    `asked_at` is when its nonce was made; without one, HELD_UP before it was heard. A device that loses its power
    has a new boot each time, and none comes back. One that asks anew after another boot was heard of is a second
    device. What it asked before that, and a network has held up, tells nothing. News of the hub may be an hour
    old: a boot has its place by when it was heard.
    """
    place = next((place for place, (known, _) in enumerate(boots) if known == boot), None)
    if place is None:
        heard = (boot, round(heard_at.timestamp() * 1000))
        return Turn(tuple(sorted((*boots, heard), key=lambda one: one[1])[-MOST_BOOTS:]))
    if place == len(boots) - 1:
        return Turn(tuple(boots))
    other = datetime.fromtimestamp(boots[place + 1][1] / 1000, UTC)
    newest = datetime.fromtimestamp(boots[-1][1] / 1000, UTC)
    if asked_at <= newest + LATE:
        return Turn(tuple(boots))
    return Turn((*(one for one in boots if one[0] != boot), boots[place]), other)


def is_stale(retired_at: datetime | None, asked_at: datetime) -> bool:
    """Whether a token was shown, over a nonce made at `asked_at`, that its device had done with before."""
    return retired_at is not None and asked_at > retired_at + LATE
