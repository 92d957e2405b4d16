from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import EV_KEY, InputEvent
from pi_auto.client.capture.keys.layout import NAMES, Layout, load
from pi_auto.client.capture.keys.positions import POSITIONS
from pi_auto.client.wifi.likeness import has_begun, is_whole, is_wifi, may_be_a_tail
from pi_auto.simulator.wedge import Numbers, Wedge

PLAIN = "WIFI:T:WPA;S:net;P:canary-pw;;"
CODES = (
    PLAIN,
    "WIFI:S:net;T:WPA;P:x1Y2z3W4;H:true;;",
    "WIFI:P:abcdefgh;S:some net;T:SAE;;",
    "WIFI:T:WPA;R:1;S:net;P:pw;;",
    "WIFI:T:WPA;S:net;P:pw",
)
_SHIFT, _ALTGR = 42, 100


@pytest.mark.parametrize(
    "text",
    [
        PLAIN, PLAIN.lower(), "Wifi:T:WPA;S:net;P:pw;;", f"]Q1{PLAIN}", f"]d2 {PLAIN}", f"  {PLAIN} \t", "WIFI:",
        f"\x02{PLAIN}\x03", f"\ufeff{PLAIN}", PLAIN.replace("", "\0"), f"A{PLAIN}", f"4006381333931{PLAIN}",
        "WIFI:P:pw", "WIFI:T:WPA;S:ne", "FI:T:WPA;S:net;P:pw;;", "net;P:pw;;", "P:pw;;", "P:pw;H:true;;",
        "WIFI:T:WPA;S:two\nlines;P:pw;;",
    ],
)  # fmt: skip
def test_a_wifi_code_is_one_however_it_is_dressed(text: str) -> None:
    assert is_wifi(text)


@pytest.mark.parametrize(
    "text",
    [
        "4006381333931", "WIFI", "WIFI-6-ROUTER", "WIFI/A/12/B", "WIFI_T_12_A", "WIFI-A-ANTENNA-2",
        "WIFI_A_ANTENNA_2", "WIFI/S/CABLES/10", "WIFI.T.ADAPTER.T.5", "wifi-s-black-s-1", "WIFI5T5SETT5",
        "WIFI.S.1.2", "ZIFI-T-1", "wifi 6",
        "https://example.com/wifi?t=1", "MECARD:N:Doe;TEL:123;;", "P:PART;S:SERIAL;Q:5", "P123", "",
        "BEGIN:VCARD\nN:Doe;;;;\nEND:VCARD", "smsto:123:wifi", "]C10104006381333931", "SWIFI:1",
    ],
)  # fmt: skip
def test_what_is_none_is_a_scan(text: str) -> None:
    assert not is_wifi(text)


def _read_by(scanner: Layout, reader: Layout, text: str, *, caps: bool) -> list[str]:
    """What a decoder set to one layout makes of the keys of a scanner set to another."""
    decoder, found = Decoder(reader, caps=caps), []
    for time, (level, key) in enumerate(_strokes(scanner, text)):
        held = [_SHIFT] * (level & 1) + [_ALTGR] * (level >> 2)
        for code, value in [*((one, 1) for one in held), (key, 1), (key, 0), *((one, 0) for one in held)]:
            found += decoder.feed(InputEvent(1_000_000_000 + time * 1_000_000, EV_KEY, code, value))
    return [outcome.text for outcome in found + decoder.finish() if isinstance(outcome, Code)]


def _strokes(layout: Layout, text: str) -> Iterator[tuple[int, int]]:
    for char in text:
        yield next(
            (level, code)
            for level in (0, 1, 4, 5)
            for code in (*POSITIONS, 57)
            if layout.levels[level][code] == char
        )


@pytest.mark.parametrize("reader", NAMES)
def test_read_by_any_wrong_layout_it_is_still_known_for_what_it_is(reader: str) -> None:
    layouts = {name: load(name) for name in NAMES}
    latin = [layout for layout in layouts.values() if layout.is_latin]  # the others cannot type WIFI at all
    seen = [
        found
        for scanner in latin
        for caps in (False, True)
        for text in CODES
        for found in _read_by(scanner, layouts[reader], text, caps=caps)
    ]
    assert [found for found in seen if not is_wifi(found)] == []
    assert len(seen) > 40


@pytest.mark.parametrize("numbers", Numbers)
@pytest.mark.parametrize("scanner", ["ru", "gr"])
def test_nor_is_it_taken_for_a_scan_where_its_letters_are_typed_by_their_numbers(
    scanner: str, numbers: Numbers
) -> None:
    """Then they are right, whatever the layout; `:` and `;` have keys there, and are not."""
    wedge = Wedge(load(scanner), numbers)
    for name in NAMES:
        for caps, text in product((False, True), CODES):
            decoder = Decoder(load(name), caps=caps)
            found = [each for event in wedge.events(text, 1_000_000_000) for each in decoder.feed(event)]
            assert [code.text for code in found if isinstance(code, Code) and not is_wifi(code.text)] == []


@pytest.mark.parametrize("text", ["WIFI:T:WPA;S:n", "WIFI:", "ZIFIMTMZPQmSMn", "ЦШАШЖЕЖ", "]Q1WIFI:S:"])
def test_one_that_has_begun_is_known_before_its_end(text: str) -> None:
    assert has_begun(text)
    assert not has_begun("4006381333931")


@pytest.mark.parametrize(
    ("text", "whole"),
    [(PLAIN, True), (f"{PLAIN}\r", True), ("ZIFIMTMWmSMnmm", True), ("WIFI:S:net;", False), ("WIFI:", False)],
)
def test_it_is_whole_once_its_end_is_doubled(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_a_tail_is_what_ends_so_and_does_not_say_whose_it_is() -> None:
    assert may_be_a_tail("cret;;")
    assert not may_be_a_tail("MECARD:N:Doe;;")
    assert not may_be_a_tail("4006381333931")
