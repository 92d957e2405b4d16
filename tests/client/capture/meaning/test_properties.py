"""Whatever a scanner sends is interpreted without an exception, within bounds, and without losing a character."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.meaning.element_string import MOST_ELEMENTS, MOST_PROBLEMS
from pi_auto.client.capture.meaning.meaning import meaning_of
from pi_auto.client.capture.meaning.tables import ENTRIES

CASES = int(os.environ.get("PI_AUTO_PROPERTY_CASES", "500"))

AIMS = st.sampled_from(["", *(f"]{letter}{modifier}" for letter in "ACEFGIJLQUXdehoz?" for modifier in "01234C*")])
AIS = st.sampled_from([line.split("|")[0].split("-")[0] for line in ENTRIES.splitlines()])
ANY = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates too
DIGITS = st.text("0123456789", max_size=30)
GS1 = st.lists(st.one_of(AIS, DIGITS, ANY, st.sampled_from(["\x1d", "(", ")", "%", "/", "?", "="]))).map("".join)
LINKS = st.lists(st.one_of(AIS, DIGITS, ANY)).map(lambda parts: "https://example.com/" + "/".join(parts))


@given(aim=AIMS, text=st.one_of(ANY, DIGITS, GS1, LINKS), beside=st.one_of(st.none(), AIMS, ANY))
@settings(max_examples=CASES, deadline=None)
def test_any_text_has_a_meaning_within_bounds(aim: str, text: str, beside: str | None) -> None:
    received = aim + text
    meaning = meaning_of(received, beside)
    assert received == (meaning.aim or "") + meaning.text or (beside and meaning.text == received)
    assert len(meaning.aim or "") <= 3
    assert len(meaning.symbology or "") <= 32
    assert meaning.gtin is None or (
        len(meaning.gtin) == 14 and meaning.gtin.isdecimal() and meaning.gtin.isascii()
    )
    assert len(meaning.elements) <= MOST_ELEMENTS * 2
    assert len(meaning.problems) <= MOST_PROBLEMS
    assert meaning.check_digit_ok is not False or meaning.problems
