from __future__ import annotations

from collections.abc import Iterator

import pytest

from pi_auto.client.binding.likeness import is_binding, is_whole, plain
from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import EV_KEY, InputEvent
from pi_auto.client.capture.keys.layout import NAMES, Layout, load
from pi_auto.client.capture.keys.positions import POSITIONS

CODE = "PIAUTO:1/FXUEATBDJPWI3C/ABCDEFGHIJKLMNOPQRSTUVWXYZ234567/ABCDEFGHIJKLMNOPQRSTUVWXYZ/192.168.1.10:5443/QZW2"
_SHIFT, _ALTGR = 42, 100


@pytest.mark.parametrize(
    "text",
    [
        CODE, CODE.lower(), f"]Q1{CODE}", f" {CODE} \r", f"\x02{CODE}\x03", CODE.replace("", "\0"), f"A{CODE}",
        CODE[:60], "PIAUTO:", "piauto:1",
    ],
)  # fmt: skip
def test_a_fleets_code_is_one_however_it_is_dressed(text: str) -> None:
    assert is_binding(text)


@pytest.mark.parametrize(
    "text",
    ["4006381333931", "PIAUTO", "PIAUTO-1234", "PIAUTO 1", "PIAUTO1", "PI-AUTO:1/2", "WIFI:T:WPA;S:n;;", ""],
)
def test_what_is_none_is_a_scan(text: str) -> None:
    assert not is_binding(text)


def test_it_is_whole_with_its_check_and_not_before() -> None:
    assert is_whole(CODE)
    assert is_whole(f"]Q1{CODE}\r")
    assert not any(is_whole(CODE[:length]) for length in range(len(CODE)))


def test_what_a_scanner_adds_is_taken_off() -> None:
    assert plain(f"]Q1{CODE.lower()}\r\n") == CODE
    assert plain("another") == "another"


@pytest.mark.parametrize("reader", NAMES)
def test_read_by_any_wrong_layout_it_is_still_known_for_what_it_is(reader: str) -> None:
    layouts = {name: load(name) for name in NAMES}
    latin = [layout for layout in layouts.values() if layout.is_latin]
    seen = [
        found
        for scanner in latin
        for caps in (False, True)
        for found in _read_by(scanner, layouts[reader], CODE, caps=caps)
    ]
    assert [found for found in seen if not is_binding(found)] == []
    assert len(seen) > 20


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
