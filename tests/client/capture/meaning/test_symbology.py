"""AIM identifiers: which are cut off, and what they name."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.meaning.meaning import meaning_of

NAMES = [
    ("]A0", "code-39"),
    ("]C0", "code-128"),
    ("]C1", "gs1-128"),
    ("]C4", "isbt-128"),
    ("]F0", "codabar"),
    ("]G0", "code-93"),
    ("]I0", "itf"),
    ("]L2", "pdf417"),
    ("]Q1", "qr-code"),
    ("]Q3", "gs1-qr"),
    ("]U0", "maxicode"),
    ("]d1", "data-matrix"),
    ("]d2", "gs1-datamatrix"),
    ("]e0", "gs1-databar"),
    ("]e1", "gs1-composite"),
    ("]J1", "gs1-dotcode"),
    ("]z0", "aztec"),
    ("]zC", "aztec"),
    ("]X0", None),
]


@pytest.mark.parametrize(("aim", "symbology"), NAMES)
def test_an_identifier_is_cut_off_kept_and_named(aim: str, symbology: str | None) -> None:
    meaning = meaning_of(f"{aim}10ABC")
    assert (meaning.aim, meaning.text, meaning.symbology) == (aim, "10ABC", symbology)


@pytest.mark.parametrize("text", ["]", "]C", "]J*", "]Hello", "]?0", "]É0", "]C3", "C1", "x]C1", "]\ud8000", ""])
def test_what_is_no_identifier_stays_in_the_text(text: str) -> None:
    meaning = meaning_of(text)
    assert (meaning.aim, meaning.text, meaning.symbology) == (None, text, None)


def test_an_identifier_alone_leaves_an_empty_text() -> None:
    assert meaning_of("]C0").text == ""


def test_an_identifier_that_came_beside_the_data_leaves_the_text_alone() -> None:
    meaning = meaning_of("]C1", "]Q1")
    assert (meaning.aim, meaning.text, meaning.symbology) == ("]Q1", "]C1", "qr-code")


@pytest.mark.parametrize("aim", ["???", "]?0", "A"])
def test_an_identifier_beside_the_data_that_does_not_exist_is_kept_and_says_nothing(aim: str) -> None:
    meaning = meaning_of("4006381333931", aim)
    assert (meaning.aim, meaning.symbology) == (aim, "ean-13")


def test_an_identifier_beside_the_data_is_never_longer_than_a_scan_can_hold() -> None:
    assert meaning_of("A", "]C1 and more").aim == "]C1"


@pytest.mark.parametrize("received", ["]C04006381333931", "]Q1]C1", "]d110ABC", "]A0*1*", "]C0(01)08053734093444"])
def test_a_symbology_without_gs1_in_it_is_only_named(received: str) -> None:
    meaning = meaning_of(received)
    assert (meaning.gtin, meaning.check_digit_ok, meaning.elements, meaning.problems) == (None, None, {}, ())
