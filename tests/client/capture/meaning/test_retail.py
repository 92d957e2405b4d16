"""Numbers of retail: what they are called, their GTIN, and their check digit."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.meaning.check_digits import check_digit, check_pair, expand_upc_e
from pi_auto.client.capture.meaning.meaning import meaning_of

GOOD = [
    ("8053734093444", "ean-13", "08053734093444"),
    ("5901234123457", "ean-13", "05901234123457"),
    ("]E04006381333931", "ean-13", "04006381333931"),
    ("]E00012345678905", "ean-13", "00012345678905"),
    ("]E0042100005264", "upc-a", "00042100005264"),
    ("042100005264", "upc-a", "00042100005264"),
    ("]E496385074", "ean-8", "00000096385074"),
    ("96385074", "ean-8", "00000096385074"),
    ("]E004252614", "upc-e", "00042100005264"),
    ("]I108053734093444", "itf-14", "08053734093444"),
    ("]I018053734093441", "itf-14", "18053734093441"),
    ("08053734093444", "itf-14", "08053734093444"),
    ("]E3805373409344412", "ean-13", "08053734093444"),
    ("]E304210000526451234", "upc-a", "00042100005264"),
    ("]E30425261412", "upc-e", "00042100005264"),
    ("]E30425261451234", "upc-e", "00042100005264"),
]


@pytest.mark.parametrize(("received", "symbology", "gtin"), GOOD)
def test_a_number_of_retail_is_named_and_has_a_gtin_of_14_digits(received: str, symbology: str, gtin: str) -> None:
    meaning = meaning_of(received)
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == (symbology, gtin, True)
    assert meaning.elements == {}


BAD = [
    ("4006381333932", "ean-13"),
    ("1234567890123", "ean-13"),
    ("8901030895559", "ean-13"),
    ("]E04006381333932", "ean-13"),
    ("]E0042100005265", "upc-a"),
    ("]E004252615", "upc-e"),
    ("]E496385075", "ean-8"),
    ("96385075", "ean-8"),
    ("]I108053734093445", "itf-14"),
]


@pytest.mark.parametrize(("received", "symbology"), BAD)
def test_a_wrong_check_digit_is_told_and_gives_no_gtin(received: str, symbology: str) -> None:
    meaning = meaning_of(received)
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == (symbology, None, False)
    assert "check digit" in meaning.problems[0]


def test_an_ean_with_a_wrong_check_digit_is_never_read_as_an_application_identifier() -> None:
    meaning = meaning_of("4006381333932")  # 400 is GS1's ORDER NUMBER
    assert meaning.elements == {}
    assert meaning.problems == ("the check digit of this ean-13 is 2; by the other digits it would be 1",)


def test_eight_digits_without_an_identifier_are_told_to_be_ambiguous() -> None:
    meaning = meaning_of("04252614")
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == ("upc-e", "00042100005264", True)
    assert meaning.problems == (
        "8 digits without an AIM identifier may be an EAN-8 or a UPC-E: the check digit fits upc-e only",
    )


def test_eight_digits_whose_check_digit_fits_both_forms_are_given_no_gtin() -> None:
    both = next(
        number
        for number in (f"0{digits:06}{check_digit(f'0{digits:06}')}" for digits in range(1000))
        if check_digit(expand_upc_e(number)[:-1]) == int(number[-1])
    )
    meaning = meaning_of(both)
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == (None, None, True)
    assert "fits both" in meaning.problems[0]


def test_eight_digits_whose_check_digit_fits_neither_form_are_told_so() -> None:
    meaning = meaning_of("04252618")
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == (None, None, False)
    assert "fits neither" in meaning.problems[0]


def test_a_upc_e_that_its_scanner_calls_ean_8_is_doubted() -> None:
    meaning = meaning_of("]E404252614")
    assert (meaning.symbology, meaning.gtin, meaning.check_digit_ok) == ("ean-8", None, False)
    assert any("may be an EAN-8 or a UPC-E" in problem for problem in meaning.problems)


WRONG_LENGTHS = [
    "]E0123",
    "]E0",
    "]E0ABCDEFGHIJKLM",
    "]E4123",
    "]E1123",
    "]E3123",
    "]I1ABC",
    "]E0\u0664\u0660" * 6,
]


@pytest.mark.parametrize("received", WRONG_LENGTHS)
def test_a_code_that_is_not_what_its_identifier_says_has_a_problem_and_no_check_digit(received: str) -> None:
    meaning = meaning_of(received)
    assert (meaning.gtin, meaning.check_digit_ok, len(meaning.problems)) == (None, None, 1)


@pytest.mark.parametrize(
    ("received", "symbology"), [("]E112", "ean-2"), ("]E212345", "ean-5"), ("]I0123456", "itf")]
)
def test_codes_without_a_check_digit_have_none_to_be_wrong(received: str, symbology: str) -> None:
    meaning = meaning_of(received)
    assert (meaning.symbology, meaning.check_digit_ok, meaning.problems) == (symbology, None, ())


@pytest.mark.parametrize(
    ("upc_e", "upc_a"),
    [
        ("01234505", "012000003455"),
        ("01234514", "012100003454"),
        ("01234523", "012200003453"),
        ("01234531", "012300000451"),
        ("01234543", "012340000053"),
        ("01234558", "012345000058"),
        ("01234592", "012345000092"),
        ("12345670", "123456000070"),
    ],
)
def test_a_upc_e_is_expanded_by_its_last_digit(upc_e: str, upc_a: str) -> None:
    assert expand_upc_e(upc_e) == upc_a


def test_the_pair_of_check_characters_is_gs1s() -> None:
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"  # the example of the General Specifications
