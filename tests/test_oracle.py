"""The judge of chaos (tests/whole/test_chaos.py) sees each way in which the first promise can be broken."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from support.chaos.oracle import Account, complaints, doubled, lost
from support.chaos.plan import OF_THE_NET, Fault, Strike, deck, faults, strikes
from support.household import Household

TYPED = ("C0", "C1", "C2", "C3")
KINDS = faults(Household.victims)


def booked(number: int, text: str, **other: Any) -> dict[str, Any]:
    """A scan as the API lists it, with the number as its uuid."""
    at = f"2026-01-01T00:00:{number:02d}Z"
    marks = {"flagged": False, "cloned": False, "legacy": False}
    scan = {"uuid": f"u{number}", "spool": "s", "number": number, "text": text, "api_at": at, "hub_at": at}
    return scan | marks | other


RIGHT = Account(
    TYPED,
    {"u1": "C0", "u2": "C2", "u3": "C3"},  # C1 was typed while capture was dead: it is not owed
    (booked(1, "C0"), booked(2, "C2"), booked(3, "C3")),
)


def test_books_that_hold_what_was_stored_are_right() -> None:
    assert complaints(RIGHT) == []


def with_last(**other: Any) -> Account:
    """The same, with something else about the last scan."""
    return replace(RIGHT, booked=(*RIGHT.booked[:2], booked(3, "C3") | other))


def with_more(*scans: dict[str, Any]) -> Account:
    """The same, with more in the books."""
    return replace(RIGHT, booked=(*RIGHT.booked, *scans))


WRONG = {
    "lost": (replace(RIGHT, booked=RIGHT.booked[:2]), "lost: u3 (api_at)"),
    "lost by the API": (with_last(api_at=None), "lost: u3 (api_at)"),
    "lost by the hub": (with_last(hub_at=None), "lost: u3 (hub_at)"),
    "one uuid twice": (with_more(booked(3, "C3")), "double: 'u3'"),
    "one code twice": (with_more(booked(4, "C3")), "double: 'C3'"),
    "part of a code": (with_more(booked(4, "3")), "never typed: '3'"),
    "another text": (with_last(text="C1"), "stored as 'C3', booked as 'C1'"),
    "another order": (
        replace(RIGHT, booked=(booked(1, "C2", uuid="u2"), booked(2, "C0", uuid="u1"), booked(3, "C3"))),
        "in another order than typed: 'C2', 'C0'",
    ),
    "sent in another order": (with_last(api_at="2025-01-01T00:00:00Z"), "the API brought 'C3' before 'C2'"),
    "other content": (with_last(flagged=True), "flagged: 'C3'"),
    "a clone": (with_last(cloned=True), "cloned: 'C3'"),
    "missing": (replace(RIGHT, noted=("1 to 2 are missing",)), "the server noted: 1 to 2 are missing"),
    "set aside": (replace(RIGHT, aside=("hub 3: too large",)), "the device gave up: hub 3: too large"),
}


@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_wrong_is_told(what: str) -> None:
    account, told = WRONG[what]
    assert any(each.startswith(told) for each in complaints(account)), complaints(account)


def test_what_is_lost_and_what_is_double_is_counted() -> None:
    assert lost(WRONG["lost"][0], "api_at") == ["u3"]
    assert doubled(WRONG["one uuid twice"][0]) == ["u3", "C3"]


def plan(seed: str, seconds: float) -> list[Strike]:
    dice = random.Random(seed)
    return strikes(dice, deck(dice, KINDS), seconds, 2, 4)


def test_a_seed_deals_the_same_strikes_again() -> None:
    assert plan("7", 20) == plan("7", 20) != plan("8", 20)
    assert all(0 <= each.at <= 24 and each.at + each.lasting <= 24 for each in plan("7", 20))
    assert [each.at for each in plan("7", 20)] == sorted(each.at for each in plan("7", 20))


def test_each_kind_strikes_before_any_does_twice() -> None:
    assert {(each.fault, each.target) for each in plan("7", 2 * len(KINDS))} == set(KINDS)


def test_what_a_machine_cannot_have_is_not_dealt() -> None:
    left = faults(Household.victims, [Fault.FULL, "hub"])
    assert set(KINDS) - set(left) == {(Fault.FULL, "")} | {(fault, "hub") for fault in OF_THE_NET}
