"""What a code means: splits the AIM identifier off, asks the reader that fits, and never fails.

The text as it was received goes in, and the identifier if it came beside it; all that can be told comes out.
It is advice: the code is stored and delivered whatever it says.
"""

from __future__ import annotations

from collections.abc import Mapping

from pi_auto.client.capture.meaning import element_string, retail
from pi_auto.client.capture.meaning.advice import Advice
from pi_auto.client.capture.meaning.check_digits import is_digits
from pi_auto.client.capture.meaning.digital_link import read_digital_link
from pi_auto.client.capture.meaning.symbology import (
    AIM_LENGTH,
    holds_element_string,
    is_aim,
    split_aim,
    symbology_of,
)
from pi_auto.frozen import frozen

_EAN_WITH_ADD_ON = "]E3"
_ADDRESS = ("http://", "https://")


@frozen
class Meaning:
    """`text` is the code without `aim`, its AIM identifier. For the rest see Advice."""

    text: str
    aim: str | None
    symbology: str | None
    gtin: str | None
    check_digit_ok: bool | None
    elements: Mapping[str, str]
    problems: tuple[str, ...]


def meaning_of(text: str, aim: str | None = None) -> Meaning:
    """What a code means that was received as `text`; `aim` is its AIM identifier if that came beside the data.

    An identifier that does not exist is kept, and says nothing.
    """
    if not aim:
        aim, text = split_aim(text)
    aim = aim[:AIM_LENGTH] if aim else None
    advice = _by_identifier(text, aim) if aim and is_aim(aim) else _by_form(text)
    return Meaning(
        text, aim, advice.symbology, advice.gtin, advice.check_digit_ok, advice.elements, advice.problems
    )


def _by_identifier(text: str, aim: str) -> Advice:
    symbology = symbology_of(aim)
    if symbology and aim[1] == "E":
        return retail.read_ean(text, symbology, with_add_on=aim == _EAN_WITH_ADD_ON)
    if symbology == "itf":
        return retail.read_itf(text)
    if symbology and holds_element_string(symbology):
        return element_string.read_element_string(text, symbology)
    return _of_address(text, symbology) or Advice(symbology)


def _by_form(text: str) -> Advice:
    """A number of retail comes first: 4006381333932 is an EAN-13 with a wrong check digit, and no AI 400."""
    if len(text) in retail.FORMS and is_digits(text):
        return retail.read_by_form(text)
    return _of_address(text, None) or element_string.read_by_form(text) or Advice()


def _of_address(text: str, symbology: str | None) -> Advice | None:
    return read_digital_link(text, symbology) if text[:8].lower().startswith(_ADDRESS) else None
