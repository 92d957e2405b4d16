"""The same codes read by biip, another reader of GS1's codes; its traps are stepped around.

It strips white space, raises for `]` alone and for identifiers it does not know, reads 4006381333932 as
AI 400, and refuses Digital Links behind `]Q1` and `]d1`.
"""

from __future__ import annotations

import biip
import pytest
from biip.gs1_messages import GS1Message
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.meaning.check_digits import CHARACTERS, check_digit
from pi_auto.client.capture.meaning.dictionary import Component, entry_of
from pi_auto.client.capture.meaning.meaning import meaning_of
from pi_auto.client.capture.meaning.tables import ENTRIES
from support.cases import ORACLE_CASES

GS = "\x1d"
SAME = [
    "]E04006381333931",
    "]E08053734093444",
    "]E496385074",
    "]I118053734093441",
    "8053734093444",
    "]C10108053734093444172612311012ABC\x1d21XYZ",
    "]d2010805373409344410L1\x1d17261231",
    "]e00108053734093444",
    "]Q30108053734093444\x1d3103001250",
    "]C100106141412345678908",
    "https://id.gs1.org/01/08053734093444/10/L1?17=261231",
]


@pytest.mark.parametrize("received", SAME)
def test_both_readers_agree_on_gtin_and_elements(received: str) -> None:
    ours, theirs = meaning_of(received), biip.parse(received)
    assert ours.gtin == (theirs.gtin.as_gtin_14() if theirs.gtin else None)
    read = theirs.gs1_message or theirs.gs1_digital_link_uri
    assert ours.elements == ({each.ai.ai: each.value for each in read.element_strings} if read else {})
    assert ours.problems == ()


@given(digits=st.text("0123456789", min_size=2, max_size=18))
@settings(max_examples=ORACLE_CASES, deadline=None)
def test_both_readers_agree_on_check_digits(digits: str) -> None:
    assert check_digit(digits[:-1]) == biip.checksums.gs1_standard_check_digit(digits[:-1])


@given(number=st.integers(0, 9_999_999), length=st.sampled_from((12, 13, 14)))
@settings(max_examples=ORACLE_CASES, deadline=None)
def test_both_readers_agree_on_gtins(number: int, length: int) -> None:
    digits = f"{number + 10_000_000 * 7:0{length - 1}}"
    code = f"{digits}{check_digit(digits)}"
    theirs = biip.parse(f"]E0{code}" if length < 14 else f"]I1{code}").gtin
    assert theirs
    assert meaning_of(code).gtin == theirs.as_gtin_14()


AIS = [line.split("|")[0].split("-")[0] for line in ENTRIES.splitlines()]
PLAIN = {"csum", "key", "keyoff1", "pcenc"}  # the other tests want values that only they could make


def is_plain(ai: str) -> bool:
    entry = entry_of(ai)
    # biip wants an amount and a currency to be numbers that it knows, and a country in two AIs.
    return (
        entry is not None
        and all(set(part.linters) <= PLAIN for part in entry.components)
        and ai[:2] not in ("39", "42")
    )


def values(component: Component) -> st.SearchStrategy[str]:
    letters = {"N": "0123456789", "X": CHARACTERS.replace("%", ""), "Y": "ABC123", "Z": "ABC123"}[component.kind]
    if component.kind != "N" and "key" in component.linters:  # biip wants five characters of a CPID
        return st.text(letters, min_size=1, max_size=component.most - 4).map("0614".__add__)
    made = st.text(letters, min_size=component.least, max_size=component.most)
    return made.map(lambda text: f"{text[:-1]}{check_digit(text[:-1])}") if "csum" in component.linters else made


@st.composite
def element_strings(draw: st.DrawFn) -> dict[str, str]:
    ais = draw(st.lists(st.sampled_from([ai for ai in AIS if is_plain(ai)]), min_size=1, max_size=6, unique=True))
    made = {}
    for ai in ais:
        entry = entry_of(ai)
        assert entry
        wanted = [part for part in entry.components if not part.optional or draw(st.booleans())]
        made[ai] = "".join(draw(values(part)) for part in wanted)
    return made


@given(elements=element_strings())
@settings(max_examples=ORACLE_CASES, deadline=None)
def test_both_readers_take_the_same_element_strings_apart_alike(elements: dict[str, str]) -> None:
    ended = {
        ai: value + ("" if (found := entry_of(ai)) and found.predefined else GS) for ai, value in elements.items()
    }
    text = "".join(ai + value for ai, value in ended.items())
    ours = meaning_of(f"]C1{text}")
    assert ours.elements == elements
    assert all("cannot stand" in told or "needs" in told for told in ours.problems)
    theirs = GS1Message.parse(text).element_strings
    assert {each.ai.ai: each.value for each in theirs} == elements
