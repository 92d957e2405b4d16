"""Every verdict, from a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pi_auto.server.enrolment.rules import (
    LATE,
    MOST_BOOTS,
    Batch,
    Boot,
    Facts,
    Grant,
    Policy,
    Preauthorised,
    Verdict,
    decide,
    is_stale,
    next_turn,
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


NOW = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
AFTER = NOW + timedelta(minutes=1)


def test_a_device_that_loses_its_power_again_and_again_is_no_clone() -> None:
    boots: tuple[Boot, ...] = ()
    for number in range(20):
        for _ in range(3):
            turn = next_turn(boots, f"boot-{number}", NOW, NOW)
            boots = turn.boots
            assert turn.since is None
    assert len(boots) == MOST_BOOTS


@pytest.mark.parametrize(("seconds", "noticed"), [(-30, False), (0, False), (5, False), (6, True), (3600, True)])
def test_a_boot_that_asks_anew_after_another_is_a_second_device(seconds: float, noticed: bool) -> None:
    boots = next_turn(next_turn((), "a", NOW, NOW).boots, "b", AFTER, AFTER).boots
    turn = next_turn(boots, "a", AFTER + timedelta(seconds=seconds), AFTER + timedelta(hours=1))
    assert turn.since == (AFTER if noticed else None)
    assert [boot for boot, _ in turn.boots] == (["b", "a"] if noticed else ["a", "b"])


@pytest.mark.parametrize(
    ("retired_at", "asked_at", "stale"),
    [(None, AFTER, False), (NOW, AFTER, True), (NOW, NOW + LATE, False), (AFTER, NOW, False)],
)
def test_a_token_is_stale_that_is_shown_after_a_later_one(
    retired_at: datetime | None, asked_at: datetime, stale: bool
) -> None:
    assert is_stale(retired_at, asked_at) is stale
