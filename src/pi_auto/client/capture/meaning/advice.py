"""What can be told of a code. Each reader of this package gives one; `meaning.py` puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pi_auto.frozen import frozen


@frozen
class Advice:
    """What a reader makes of a text. All of it may be absent: None says "cannot be told", never "is not so".

    `gtin` has 14 digits, leading zeros in front, and a check digit that holds. `elements` are GS1's: AI to value.
    `problems` are sentences for a person.
    """

    symbology: str | None = None
    gtin: str | None = None
    check_digit_ok: bool | None = None
    elements: Mapping[str, str] = MappingProxyType({})
    problems: tuple[str, ...] = ()
