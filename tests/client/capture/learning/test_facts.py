from __future__ import annotations

from typing import Any

import pytest

from pi_auto.client.capture.learning.facts import (
    FLEET,
    LEARNED,
    NEW_FOR,
    PERSON,
    Facts,
    Standing,
    standing,
    to_forget,
)
from pi_auto.wire.scanner_settings import ScannerSettings

FRENCH = Facts(kind="scanner").calibrated("fr")
GERMAN = ScannerSettings(layout="de")

TABLE = {
    "nothing is known": (Facts(), {}, Standing(calibrates=True)),
    "learned": (FRENCH, {}, Standing("fr", LEARNED, "scanner", LEARNED)),
    "a person has set another": (FRENCH, {PERSON: GERMAN}, Standing("de", PERSON, "scanner", LEARNED)),
    "the fleet has the last word": (
        FRENCH,
        {PERSON: GERMAN, FLEET: ScannerSettings("it", "keyboard")},
        Standing("it", FLEET, "keyboard", FLEET),
    ),
    "the fleet says nothing of the layout": (
        Facts(),
        {PERSON: GERMAN, FLEET: ScannerSettings(kind="scanner")},
        Standing("de", PERSON, "scanner", FLEET),
    ),
    "armed by a new word": (FRENCH, {FLEET: ScannerSettings(calibration="w1")}, None),
}


@pytest.mark.parametrize("case", [name for name, row in TABLE.items() if row[2] is not None])
def test_what_is_set_stands_over_what_is_learned(case: str) -> None:
    facts, settings, expected = TABLE[case]
    assert standing(facts, settings) == expected


def test_a_scanner_that_is_new_may_read_a_calibration_code_unless_its_layout_is_set() -> None:
    assert standing(Facts(), {}).calibrates
    assert standing(Facts(codes=NEW_FOR - 1), {}).calibrates
    assert not standing(Facts().has_read(NEW_FOR), {}).calibrates
    assert not standing(FRENCH, {}).calibrates
    assert not standing(Facts(), {PERSON: GERMAN}).calibrates


def test_a_word_allows_one_calibration() -> None:
    armed = {FLEET: ScannerSettings(calibration="w1")}
    assert standing(FRENCH, armed).calibrates
    assert not standing(FRENCH.acted_on("w1"), armed).calibrates
    assert standing(FRENCH.acted_on("w1"), {FLEET: ScannerSettings(calibration="w2")}).calibrates


def test_a_word_forgets_once_and_leaves_the_words() -> None:
    settings = {PERSON: ScannerSettings(forget="f1")}
    facts = FRENCH.acted_on("w1")
    assert to_forget(facts, settings) == ["f1"]
    left = facts.forgotten().acted_on("f1")
    assert left == Facts(words=("w1", "f1"))  # new again
    assert to_forget(left, settings) == []


def test_facts_come_back_from_the_file_as_they_were() -> None:
    facts = Facts("scanner", "fr", "enter", 2_000_000, ("w1",))
    assert Facts.from_json(facts.to_json()) == facts
    assert Facts.from_json(facts.has_read(3).to_json()) == facts.has_read(3)
    assert Facts().has_read(NEW_FOR + 1).to_json() == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        5,
        {"kind": "x", "layout": 3, "gap_ns": True, "words": 1, "codes": True},
        {"gap_ns": -1, "ending": [], "codes": -1},
    ],
)
def test_of_a_damaged_entry_what_can_be_used_is_and_it_is_not_taken_for_new(value: Any) -> None:
    assert Facts.from_json(value) == Facts(codes=NEW_FOR)
