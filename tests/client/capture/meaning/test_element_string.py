"""GS1 element strings: where values end, and what is wrong with them."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.meaning.element_string import MOST_ELEMENTS, MOST_PROBLEMS
from pi_auto.client.capture.meaning.meaning import Meaning, meaning_of

GTIN = "08053734093444"
GS = "\x1d"


def elements(received: str) -> dict[str, str]:
    return dict(meaning_of(received).elements)


READ = [
    (f"]C101{GTIN}", {"01": GTIN}),
    (f"]C101{GTIN}17261231", {"01": GTIN, "17": "261231"}),
    (f"]d201{GTIN}10L1{GS}17261231", {"01": GTIN, "10": "L1", "17": "261231"}),
    (f"]d2{GS}01{GTIN}", {"01": GTIN}),
    (f"]Q301{GTIN}21S1{GS}", {"01": GTIN, "21": "S1"}),
    (f"]e001{GTIN}{GS}17261231", {"01": GTIN, "17": "261231"}),
    (f"]C101{GTIN}3103001250", {"01": GTIN, "3103": "001250"}),
    (f"]C101{GTIN}3922125{GS}3101000100", {"01": GTIN, "3922": "125", "3101": "000100"}),
    ("]C100106141412345678908", {"00": "106141412345678908"}),
    (f"]C1(01){GTIN}(10)A(B)C", {"01": GTIN, "10": "A(B)C"}),
    (f"]C1235TPX{GS}91own{GS}99also own", {"235": "TPX", "91": "own", "99": "also own"}),
]


@pytest.mark.parametrize(("received", "expected"), READ)
def test_an_element_string_is_read_to_named_fields(received: str, expected: dict[str, str]) -> None:
    assert elements(received) == expected


BY_FORM = [
    (f"01{GTIN}", True),
    (f"01{GTIN}10L1", True),
    (f"01{GTIN[:-1]}517261231", True),  # a wrong check digit, but what follows tells
    (f"{GS}01{GTIN}", True),
    (f"10L1{GS}21S1", True),
    (f"(01){GTIN}", True),
    ("(10)L1(21)S1", True),
    (f"01{GTIN[:-1]}5", False),
    ("0108", False),
    ("10L1", False),
    ("4006381333932", False),
    ("[)>\x1e06\x1d1P123\x1e\x04", False),
    ("(see below)", False),
    ("(01", False),
    ("hello", False),
]


@pytest.mark.parametrize(("text", "is_read"), BY_FORM)
def test_without_an_identifier_only_what_can_hardly_be_anything_else_is_read(text: str, is_read: bool) -> None:
    meaning = meaning_of(text)
    assert bool(meaning.elements) is is_read
    assert meaning.symbology in (None, "ean-13")


def problems(received: str) -> tuple[str, ...]:
    return meaning_of(received).problems


WRONG = [
    (f"01{GTIN}17260230", "AI 17 (USE BY or EXPIRY) is '260230': day 30 does not exist in that month"),
    (f"01{GTIN}17261331", "AI 17 (USE BY or EXPIRY) is '261331': month 13 does not exist"),
    (
        f"01{GTIN[:-1]}5",
        "AI 01 (GTIN) is '08053734093445': its check digit is 5; by the others it would be 4",
    ),
    ("01805", "AI 01 (GTIN) has 3 characters; it has 14"),
    (f"01{GTIN}10{'L' * 21}", "AI 10 (BATCH/LOT) has 21 characters; it has 1 to 20"),
    (f"01{GTIN}10", "AI 10 (BATCH/LOT) has 0 characters; it has 1 to 20"),
    (f"01{GTIN}10L 1", "AI 10 (BATCH/LOT) has other than characters of GS1's set 82 where only those are allowed"),
    (f"01{GTIN}17ABCDEF", "AI 17 (USE BY or EXPIRY) has other than digits where only those are allowed"),
    (f"01{GTIN}0508", "no AI begins at character 17: '05'"),
    (f"01{GTIN}3109000001", "no AI begins at character 17: '3109'"),
    ("10L1", "AI 10 (BATCH/LOT) needs 01 or 02 or 03 or 8006 or 8026, here or in another code of the item"),
    (f"01{GTIN}371", "AI 01 (GTIN) cannot stand with 37"),
    (f"01{GTIN}3101000001" + "3102000010", "AI 3101 (NET WEIGHT (kg)) cannot stand with 3102"),
    (f"01{GTIN}10A{GS}10B", "AI 10 stands twice, with two values; the first is taken"),
    (f"01{GTIN}4229990", "AI 422 (ORIGIN) has 4 characters; it has 3"),
    (f"01{GTIN}422999", "AI 422 (ORIGIN) is '999': 999 is no country of ISO 3166"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_what_is_wrong_is_told_by_its_ai(text: str, problem: str) -> None:
    assert problem in problems(f"]C1{text}")


@pytest.mark.parametrize("value", ["261200", "260228", "240229", "000229"])
def test_day_00_and_leap_days_are_dates(value: str) -> None:
    assert problems(f"]C101{GTIN}17{value}") == ()


@pytest.mark.parametrize("ai", ["4324", "4325"])
def test_a_delivery_may_be_due_at_a_day_without_a_time(ai: str) -> None:
    assert problems(f"]C100106141412345678908{ai}2612319999") == ()
    assert problems(f"]C100106141412345678908{ai}2612312400")[0].endswith("hour 24 does not exist")
    assert problems(f"]C101{GTIN}70032612319999")[0].endswith("hour 99 does not exist")  # which has its time


def test_what_cannot_be_read_leaves_the_elements_before_it() -> None:
    meaning = meaning_of(f"]C101{GTIN}10L1{GS}XYZ")
    assert meaning.elements == {"01": GTIN, "10": "L1"}
    assert meaning.problems == ("no AI begins at character 22: 'XY'",)


CHECKS = [
    (f"]C101{GTIN}", GTIN, True),
    (f"]C101{GTIN[:-1]}5", None, False),
    (f"]C102{GTIN}3712", GTIN, True),
    (f"]C18006{GTIN}0102", GTIN, True),
    (f"]C18006{GTIN[:-1]}50102", None, False),
    ("]C100106141412345678908", None, True),
    ("]C100106141412345678909", None, False),
    ("]C180131987654Ad4X4bL5ttr2310c2K", None, True),
    ("]C180131987654Ad4X4bL5ttr2310c2L", None, False),
    ("]C191own", None, None),
]


@pytest.mark.parametrize(("received", "gtin", "check"), CHECKS)
def test_check_digits_of_all_keys_count_and_the_gtin_is_the_items(
    received: str, gtin: str | None, check: bool | None
) -> None:
    meaning = meaning_of(received)
    assert (meaning.gtin, meaning.check_digit_ok) == (gtin, check)


HOSTILE = [GS * 8192, "(01)" * 2048, "01" * 4096, "99a\x1d" * 2048, "((((" * 2048, "(01" * 2730, "10" + "A" * 8190]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_given_up_after_a_bounded_look(text: str) -> None:
    told: list[Meaning] = [meaning_of(text), meaning_of(f"]C1{text}")]
    assert all(len(each.elements) <= MOST_ELEMENTS and len(each.problems) <= MOST_PROBLEMS for each in told)
