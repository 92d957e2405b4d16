"""Every verdict, from a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pi_auto.server.enrolment.rules import (
    MOST_BOOTS,
    Batch,
    Facts,
    Grant,
    Policy,
    Preauthorised,
    Verdict,
    decide,
    next_boots,
)
from pi_auto.wire.verdicts import Refusing, Waiting

NEW = Facts("k1")
KNOWN = Facts("k1", known_key="k1")
APPROVE, BATCH, BEFOREHAND, CLOSED = Policy.APPROVE, Policy.BATCH, Policy.PREAUTHORISED, Policy.CLOSED


@pytest.mark.parametrize(
    ("facts", "approve", "batch", "beforehand", "closed"),
    [
        (NEW, Waiting.APPROVAL, Refusing.BATCH_TOKEN, Refusing.CLOSED, Refusing.CLOSED),
        (KNOWN, Grant.KNOWN, Grant.KNOWN, Grant.KNOWN, Grant.KNOWN),
        (replace(NEW, approved=True), *[Grant.OPERATOR] * 4),
        (replace(NEW, batch=Batch.GOOD), Grant.BATCH, Grant.BATCH, Refusing.CLOSED, Refusing.CLOSED),
        *[
            (replace(NEW, batch=worth), Waiting.APPROVAL, Refusing.BATCH_TOKEN, Refusing.CLOSED, Refusing.CLOSED)
            for worth in (Batch.UNKNOWN, Batch.RUN_OUT, Batch.USED_UP)
        ],
        *[
            (replace(NEW, preauthorised=shown), *[Grant.PREAUTHORISED] * 3, Refusing.CLOSED)
            for shown in (Preauthorised.KEY, Preauthorised.SECRET)
        ],
        (replace(NEW, preauthorised=Preauthorised.BARE), *[Waiting.APPROVAL] * 3, Refusing.CLOSED),
        (replace(NEW, preauthorised=Preauthorised.WRONG), *[Refusing.SECRET] * 3, Refusing.CLOSED),
        (replace(NEW, known_key="k2"), *[Waiting.NEW_KEY] * 3, Refusing.CLOSED),
        (replace(NEW, known_key="k2", batch=Batch.GOOD), *[Waiting.NEW_KEY] * 3, Refusing.CLOSED),
        (replace(NEW, known_key="k2", approved=True), *[Grant.OPERATOR] * 4),
        (
            replace(NEW, known_key="k2", preauthorised=Preauthorised.KEY),
            *[Grant.PREAUTHORISED] * 3, Refusing.CLOSED,
        ),
        (
            replace(NEW, known_key="k2", preauthorised=Preauthorised.SECRET),
            *[Waiting.NEW_KEY] * 3, Refusing.CLOSED,
        ),
        (replace(NEW, id_is_claimed=True, batch=Batch.GOOD), *[Waiting.TAKEN_ID] * 3, Refusing.CLOSED),
        (replace(NEW, id_is_claimed=True, approved=True), *[Grant.OPERATOR] * 4),
        (replace(NEW, id_has_other_serial=True, batch=Batch.GOOD), *[Waiting.TAKEN_ID] * 3, Refusing.CLOSED),
        (replace(NEW, id_has_other_serial=True, approved=True), *[Waiting.TAKEN_ID] * 3, Refusing.CLOSED),
        (replace(KNOWN, id_has_other_serial=True), *[Waiting.TAKEN_ID] * 3, Refusing.CLOSED),
        (replace(KNOWN, serial_has_other_id=True), *[Waiting.TAKEN_ID] * 3, Refusing.CLOSED),
        (replace(NEW, key_has_other_serial=True, approved=True), *[Waiting.OTHER_SERIAL] * 3, Refusing.CLOSED),
        (
            replace(KNOWN, revoked=True, approved=True, batch=Batch.GOOD, preauthorised=Preauthorised.KEY),
            *[Refusing.REVOKED] * 4,
        ),
    ],
    ids=repr,
)  # fmt: skip
def test_a_device_is_taken_in_by_the_policy(
    facts: Facts, approve: Verdict, batch: Verdict, beforehand: Verdict, closed: Verdict
) -> None:
    assert [decide(policy, facts) for policy in (APPROVE, BATCH, BEFOREHAND, CLOSED)] == [
        approve, batch, beforehand, closed,
    ]  # fmt: skip


def test_twenty_power_cuts_are_no_clone() -> None:
    boots: list[str] = []
    for number in range(20):
        for _ in range(3):
            boots, returned = next_boots(boots, f"boot-{number}")
            assert not returned
    assert len(boots) == MOST_BOOTS


def test_two_boots_that_speak_in_turns_are_a_clone() -> None:
    boots, first = next_boots([], "a")
    boots, second = next_boots(boots, "b")
    boots, third = next_boots(boots, "a")
    assert [first, second, third] == [False, False, True]
    assert boots == ["b", "a"]
