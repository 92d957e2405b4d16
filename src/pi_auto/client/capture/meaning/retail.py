"""Reads the numbers of retail: EAN-13, EAN-8, UPC-A, UPC-E and ITF-14.

Text goes in that an AIM identifier, or its form, says to be one; a GTIN of 14 digits and the word of
the check digit come out. A number whose check digit does not hold is never given as a GTIN.
"""

from __future__ import annotations

from pi_auto.client.capture.meaning.advice import Advice
from pi_auto.client.capture.meaning.check_digits import (
    GTIN_DIGITS,
    check_digit,
    expand_upc_e,
    gtin14,
    holds,
    is_digits,
)

_BY_LENGTH = {8: "ean-8", 12: "upc-a", 13: "ean-13", GTIN_DIGITS: "itf-14"}
FORMS = frozenset(_BY_LENGTH)  # the lengths of a GTIN
_OF_EAN = {8: "upc-e", 12: "upc-a", 13: "ean-13"}
# UPC-E, UPC-A or EAN-13, then 2 or 5 digits more.
_WITH_ADD_ON = {10: 8, 13: 8, 14: 12, 15: 13, 17: 12, 18: 13}
_UPC_E_SYSTEMS = "01"  # a UPC-E begins with no other digit


def read_ean(text: str, symbology: str, *, with_add_on: bool = False) -> Advice:
    """What a code of the EAN/UPC family says. `symbology` is ean-8, ean-2, ean-5, or ean-13 for the others."""
    wanted = {"ean-2": (2,), "ean-5": (5,), "ean-8": (8,)}.get(symbology, tuple(_OF_EAN))
    wanted = tuple(_WITH_ADD_ON) if with_add_on else wanted
    if not is_digits(text) or len(text) not in wanted:
        allowed = " or ".join(map(str, wanted))
        return Advice(symbology, problems=(f"the scanner says {symbology}, which has {allowed} digits",))
    if symbology in ("ean-2", "ean-5"):
        return Advice(symbology)
    if symbology == "ean-8":
        return _ean_8(text)
    main = text[: _WITH_ADD_ON[len(text)]] if with_add_on else text
    return _checked(main, _OF_EAN[len(main)])


def read_itf(text: str) -> Advice:
    """What an Interleaved 2 of 5 says. With 14 digits it is an ITF-14, which holds a GTIN."""
    if not is_digits(text):
        return Advice("itf", problems=("the scanner says Interleaved 2 of 5, which has digits only",))
    return _checked(text, "itf-14") if len(text) == GTIN_DIGITS else Advice("itf")


def read_by_form(digits: str) -> Advice:
    """What 8, 12, 13 or 14 digits are likely to be where no AIM identifier tells."""
    if len(digits) != 8 or digits[0] not in _UPC_E_SYSTEMS:
        return _checked(digits, _BY_LENGTH[len(digits)])
    return _eight_digits(digits)


def _eight_digits(digits: str) -> Advice:
    """EAN-8 and UPC-E look the same; the check digits tell them apart if only one of them holds."""
    said = "8 digits without an AIM identifier may be an EAN-8 or a UPC-E"
    fitting = [name for name in ("ean-8", "upc-e") if holds(_number(digits, name))]
    if not fitting:
        return Advice(check_digit_ok=False, problems=(f"{said}: the check digit fits neither",))
    if len(fitting) > 1:
        return Advice(check_digit_ok=True, problems=(f"{said}: the check digit fits both",))
    (name,) = fitting
    return Advice(
        name, gtin14(_number(digits, name)), True, problems=(f"{said}: the check digit fits {name} only",)
    )


def _ean_8(digits: str) -> Advice:
    """An EAN-8 by the scanner's word. Eight digits stay ambiguous: some scanners call a UPC-E so."""
    advice = _checked(digits, "ean-8")
    if not advice.check_digit_ok and digits[0] in _UPC_E_SYSTEMS and holds(expand_upc_e(digits)):
        doubt = "8 digits may be an EAN-8 or a UPC-E: the scanner says EAN-8, the check digit fits upc-e only"
        return Advice("ean-8", check_digit_ok=False, problems=(*advice.problems, doubt))
    return advice


def _checked(digits: str, name: str) -> Advice:
    number = _number(digits, name)
    if name == "upc-e" and digits[0] not in _UPC_E_SYSTEMS:
        return Advice(name, problems=(f"the scanner says upc-e, which begins with 0 or 1, not {digits[0]}",))
    if holds(number):
        return Advice(name, gtin14(number), check_digit_ok=True)
    due = check_digit(number[:-1])
    told = f"the check digit of this {name} is {digits[-1]}; by the other digits it would be {due}"
    return Advice(name, check_digit_ok=False, problems=(told,))


def _number(digits: str, name: str) -> str:
    return expand_upc_e(digits) if name == "upc-e" else digits
