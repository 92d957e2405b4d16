"""Text to keys to text, for every layout and every way in which scanners type characters."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import KEY_LEFTALT, KEY_LEFTCTRL, KEY_RIGHTALT
from pi_auto.client.capture.keys.layout import NAMES, load
from pi_auto.simulator.wedge import Numbers, Wedge
from support.cases import CASES, HYPOTHESIS_CASES
from support.keys import START

GS1 = "]C1010405123456789217271231\x1d10LOT-42/A\x1d21Z?y;n_=<>\"%&'()*+,.:"


def read(wedge: Wedge, text: str) -> list[object]:
    decoder = Decoder(wedge.layout)
    outcomes = [outcome for event in wedge.events(text, START) for outcome in decoder.feed(event)]
    return [*outcomes, *decoder.finish()]


def raw_of(wedge: Wedge, text: str) -> list[str]:
    return [outcome.raw.decode() if isinstance(outcome, Code) else str(outcome) for outcome in read(wedge, text)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["A1-/:z", GS1])
@pytest.mark.parametrize("numbers", Numbers)
def test_a_label_is_read_exactly_by_each_layout(name: str, text: str, numbers: Numbers) -> None:
    assert raw_of(Wedge(load(name), numbers), text) == [text]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("numbers", Numbers)
def test_a_scanner_in_alt_mode_is_read_by_any_layout(name: str, numbers: Numbers) -> None:
    assert raw_of(Wedge(load(name), numbers, only_numbers=True), GS1) == [GS1]


@pytest.mark.parametrize("name", NAMES)
def test_all_that_a_layout_types_and_both_its_code_pages_are_read_back(name: str) -> None:
    layout = load(name)
    typed = {char for level in layout.levels for char in level} - set(layout.accents)
    letters = typed | set(layout.composed.values()) | set(layout.accents.values())
    text = "".join(sorted(letters)) + layout.ansi.replace("\ufffd", "")
    assert raw_of(Wedge(layout), text) == [text]
    assert raw_of(Wedge(layout, Numbers.ALT_OEM, only_numbers=True), text) == [text]


@pytest.mark.parametrize("altgr", [(KEY_LEFTCTRL, KEY_LEFTALT), (KEY_LEFTCTRL, KEY_RIGHTALT)])
def test_altgr_may_be_ctrl_and_alt_as_on_windows(altgr: tuple[int, ...]) -> None:
    for name in NAMES:
        text = "".join(
            sorted({char for level in load(name).levels[4:6] for char in level} - set(load(name).accents))
        )
        assert raw_of(Wedge(load(name), altgr=altgr), text) == [text]


def test_any_unicode_comes_through_by_ctrl_shift_u() -> None:
    for name in NAMES:
        assert raw_of(Wedge(load(name), Numbers.HEX), "é€漢😀") == ["é€漢😀"]


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    st.sampled_from(NAMES),
    st.sampled_from(Numbers),
    st.booleans(),
)
def test_text_to_keys_to_text_changes_nothing(text: str, name: str, numbers: Numbers, only: bool) -> None:
    assume(text.rstrip("\r\n\t"))
    assert raw_of(Wedge(load(name), numbers, only_numbers=only), text) == [text]


def test_many_random_labels_are_read_exactly_by_each_layout() -> None:
    chance = random.Random(4)
    wedges = [
        Wedge(load(name), numbers, only_numbers=only)
        for name in NAMES
        for numbers in Numbers
        for only in (False, True)
    ]
    alphabet = [chr(code) for code in (*range(32, 127), 29, 233, 0x20AC)]
    for _ in range(CASES):
        wedge, text = chance.choice(wedges), "".join(chance.choices(alphabet, k=chance.randint(1, 8)))
        assert raw_of(wedge, text) == [text], (wedge.layout.name, wedge.numbers, wedge.only_numbers)
