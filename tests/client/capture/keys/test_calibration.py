"""One barcode tells which keyboard a scanner is set to, whatever keyboard it was taken for before."""

from __future__ import annotations

import pytest

from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import KEY_ENTER, KEY_LEFTALT, KEY_LEFTCTRL, KEY_RIGHTALT, KEY_TAB
from pi_auto.client.capture.keys.layout import NAMES, load
from pi_auto.sheet.calibration_text import TEXT
from pi_auto.simulator.wedge import Numbers, Wedge
from support.keys import MS, START

ALIKE = {"pl": "us", "fi": "se"}  # they type all of ASCII alike, but for the tilde of Polish Windows


def read(decoder: Decoder, wedge: Wedge, text: str, at: int = START) -> list[Outcome]:
    return [outcome for event in wedge.events(text, at) for outcome in decoder.feed(event)] + decoder.finish()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", NAMES)
def test_the_code_betrays_the_layout_whatever_was_believed_before(name: str, before: str) -> None:
    decoder = Decoder(load(before), calibratable=True)
    (outcome,) = read(decoder, Wedge(load(name)), TEXT)
    assert isinstance(outcome, Calibration)
    alike = {name, ALIKE.get(name, name), *(other for other, first in ALIKE.items() if first == name)}
    assert outcome.layout == (before if before in alike else ALIKE.get(name, name))


@pytest.mark.parametrize("name", NAMES)
def test_after_it_codes_are_exact(name: str) -> None:
    decoder = Decoder(calibratable=True)
    wedge = Wedge(load(name))
    (outcome,) = read(decoder, wedge, TEXT)
    assert isinstance(outcome, Calibration)
    decoder.use(load(outcome.layout))
    for at, text in enumerate(("A1-/:z", "]C101040512345678901721\x1d10LOT-42/A"), 1):
        (code,) = read(decoder, wedge, text, START + at * 900 * MS)
        assert isinstance(code, Code)
        assert code.text == text


@pytest.mark.parametrize(
    "wedge",
    [
        Wedge(load("de"), Numbers.ALT_OEM),
        Wedge(load("de"), suffix=()),
        Wedge(load("de"), suffix=(KEY_TAB,)),
        Wedge(load("de"), suffix=(KEY_TAB, KEY_ENTER)),
        Wedge(load("de"), gap=200 * MS),
        Wedge(load("de"), altgr=(KEY_LEFTCTRL, KEY_LEFTALT)),
        Wedge(load("de"), altgr=(KEY_LEFTCTRL, KEY_RIGHTALT)),
    ],
)
def test_how_the_scanner_is_set_otherwise_does_not_matter(wedge: Wedge) -> None:
    assert [type(each) for each in read(Decoder(calibratable=True), wedge, TEXT)] == [Calibration]
    for prefixed in ("]C0" + TEXT, "%" + TEXT + "7"):
        (outcome,) = read(Decoder(calibratable=True), wedge, prefixed)
        assert isinstance(outcome, Calibration)
        assert outcome.layout == "de"


@pytest.mark.parametrize("numbers", Numbers)
def test_a_scanner_in_alt_mode_needs_no_layout_and_keeps_the_one_it_has(numbers: Numbers) -> None:
    decoder = Decoder(load("fr"), calibratable=True)
    (outcome,) = read(decoder, Wedge(load("fr"), numbers, only_numbers=True), TEXT)
    assert outcome == Calibration("fr", outcome.time)


def test_unless_it_is_asked_for_it_is_a_scan_or_lost_like_any_other_code() -> None:
    (scan,) = read(Decoder(load("de")), Wedge(load("de")), TEXT)
    assert isinstance(scan, Code)
    assert scan.text == TEXT
    (lost,) = read(Decoder(), Wedge(load("de")), TEXT)
    assert isinstance(lost, Lost)


def test_it_can_be_asked_for_at_run_time_and_no_more() -> None:
    decoder = Decoder()
    seen = []
    for n, wanted in enumerate((False, True, False)):
        decoder.calibratable = wanted
        seen += [type(each) for each in read(decoder, Wedge(load("us")), TEXT, START + n * 900 * MS)]
    assert seen == [Code, Calibration, Code]


@pytest.mark.parametrize(
    "text", ["A1-/:z", "31415926535", TEXT[:-1], TEXT[1:], TEXT.replace("9", "8"), "'\\#:" * 5]
)
@pytest.mark.parametrize("name", ["us", "de", "fr", "jp"])
def test_no_other_code_is_taken_for_it(text: str, name: str) -> None:
    decoder = Decoder(load(name), calibratable=True)
    (code,) = read(decoder, Wedge(load(name)), text)
    assert isinstance(code, Code)
    assert code.raw == text.encode()


def test_a_lost_code_is_told_once_and_at_its_end_while_it_may_be_the_calibration() -> None:
    decoder = Decoder(calibratable=True)
    outcomes = read(decoder, Wedge(load("de")), "a@b{c}")
    assert [type(each) for each in outcomes] == [Lost]
    (code,) = read(decoder, Wedge(load("us")), "OK", START + 900 * MS)
    assert isinstance(code, Code)
