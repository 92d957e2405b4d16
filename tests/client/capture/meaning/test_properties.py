"""Whatever a scanner sends is interpreted without an exception, within bounds, and without losing a character."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.meaning.element_string import MOST_ELEMENTS, MOST_PROBLEMS
from pi_auto.client.capture.meaning.meaning import meaning_of
from pi_auto.client.capture.meaning.tables import ENTRIES
from support.cases import CASES, HYPOTHESIS_CASES

AIMS = st.sampled_from(["", *(f"]{letter}{modifier}" for letter in "ACEFGIJLQUXdehoz?" for modifier in "01234C*")])
AI_LIST = [line.split("|")[0].split("-")[0] for line in ENTRIES.splitlines()]
AIS = st.sampled_from(AI_LIST)
ANY = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates too
DIGITS = st.text("0123456789", max_size=30)
GS1 = st.lists(st.one_of(AIS, DIGITS, ANY, st.sampled_from(["\x1d", "(", ")", "%", "/", "?", "="]))).map("".join)
LINKS = st.lists(st.one_of(AIS, DIGITS, ANY)).map(lambda parts: "https://example.com/" + "/".join(parts))


@given(aim=AIMS, text=st.one_of(ANY, DIGITS, GS1, LINKS), beside=st.one_of(st.none(), AIMS, ANY))
@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
def test_any_text_has_a_meaning_within_bounds(aim: str, text: str, beside: str | None) -> None:
    check(aim + text, beside)


def test_many_texts_of_pieces_have_one() -> None:
    pieces = [
        *AI_LIST,
        *"0123456789" * 9,
        "\x1d",
        "\x1d",
        "(",
        ")",
        "https://x/",
        "/",
        "%1",
        "]C1",
        "]e0",
        "\0",
        "é",
        "\ud800",
    ]
    for seed in range(CASES):
        chance = random.Random(seed)
        check(
            "".join(chance.choices(pieces, k=chance.randrange(25))), chance.choice((None, None, "]d2", "]E0", "x"))
        )


def check(received: str, beside: str | None) -> None:
    """What is received is told whole, and what is made of it is bounded."""
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
