"""All the ways in which scanners type a character, and what makes a code lost rather than guessed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import (
    EV_KEY,
    KEY_CAPSLOCK,
    KEY_ENTER,
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTMETA,
    KEY_LEFTSHIFT,
    KEY_NUMLOCK,
    KEY_RIGHTALT,
    KEY_RIGHTCTRL,
    PRESSED,
    RELEASED,
    InputEvent,
)
from pi_auto.client.capture.keys.layout import load
from pi_auto.simulator.wedge import Report, alt, stroke
from support.keys import MS, START, overflow

LEFT_ALT, ALTGR, CTRL, SHIFT = KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTCTRL, KEY_LEFTSHIFT
KP = dict(zip("0123456789", (82, 79, 80, 81, 75, 76, 77, 71, 72, 73), strict=True))
_F12 = 88


def events(reports: Iterable[Report], at: int = START) -> list[InputEvent]:
    return [InputEvent(at + n * MS, *event) for n, report in enumerate(reports) for event in report]


def keys(*codes: int) -> list[Report]:
    """Keys one after the other."""
    return [report for code in codes for report in stroke((code,))]


def held(*codes: int) -> list[Report]:
    """Keys together, the last one first up."""
    return [*stroke(codes)]


def moves(*moves: int) -> list[Report]:
    """A report for each move: a key goes down, a negative one goes up."""
    return [[(EV_KEY, abs(move), PRESSED if move > 0 else RELEASED), (0, 0, 0)] for move in moves]


def told(outcome: Outcome) -> str:
    assert isinstance(outcome, Code | Lost)
    return outcome.text if isinstance(outcome, Code) else f"lost: {outcome.reason}"


def read(reports: Iterable[Report], layout: str = "us", *, caps: bool = False) -> list[str]:
    decoder = Decoder(load(layout), caps=caps)
    run = [*events(reports), *events(keys(KEY_ENTER), START + 900 * MS)]
    return [told(outcome) for event in run for outcome in decoder.feed(event)]


AEIOU = {"a": 30, "e": 18, "q": 16}


@pytest.mark.parametrize(
    ("layout", "reports", "text"),
    [
        ("de", held(ALTGR, 16), "@"),
        ("de", held(CTRL, LEFT_ALT, 16), "@"),  # what Windows takes for AltGr
        ("de", held(CTRL, ALTGR, 10), "]"),  # and how it tells AltGr itself
        ("gb", held(SHIFT, ALTGR, 30), "Á"),
        ("pl", [*held(ALTGR, 30), *held(SHIFT, ALTGR, 18)], "ąĘ"),
        ("fr", [*held(ALTGR, 3), *keys(57)], "~"),
        ("fr", [*keys(26, 18), *held(SHIFT, 26), *keys(23)], "êï"),
        ("fr", [*keys(26, 57), *keys(26, 26), *keys(26, 45)], "^^^^x"),
        ("de", [*held(SHIFT, 13), *held(SHIFT, 30), *keys(13)], "À´"),
        ("cz", [*held(SHIFT, 13), *keys(46), *keys(41)], "č;"),
        ("pl", [*held(SHIFT, 41), *keys(44), *held(SHIFT, 41), *keys(57)], "ż~"),
        ("tr", [*held(SHIFT, 4), *keys(23)], "î"),
        ("gr", [*keys(39, 30), *held(SHIFT, 17), *keys(23)], "άΐ"),
        ("jp", [*keys(89, 124), *held(SHIFT, 89)], "\\\\_"),
        ("es", keys(86), "<"),
        ("de", keys(71, 98, 83, 55, 95), "7/.*,"),
    ],
)
def test_altgr_and_dead_keys_type_what_they_do_on_windows(layout: str, reports: list[Report], text: str) -> None:
    assert read(reports, layout) == [text]


def test_caps_lock_may_be_on_when_the_scanner_is_opened() -> None:
    assert read(keys(30), caps=True) == ["A"]
    assert read([*keys(KEY_CAPSLOCK, 30), *held(SHIFT, 30)], caps=True) == ["aA"]


@pytest.mark.parametrize(
    ("digits", "layout", "char"),
    [
        ("065", "us", "A"), ("0065", "us", "A"), ("65", "us", "A"), ("029", "us", "\x1d"), ("0029", "us", "\x1d"),
        ("130", "us", "é"), ("155", "us", "¢"), ("155", "de", "ø"), ("0233", "us", "é"), ("0128", "us", "€"),
        ("0129", "us", "\x81"), ("0232", "cz", "č"), ("0225", "gr", "α"), ("192", "ru", "└"), ("0177", "jp", "ｱ"),
        ("8364", "us", "€"), ("128512", "us", "😀"),
    ],
)  # fmt: skip
def test_alt_and_a_number_type_a_character(digits: str, layout: str, char: str) -> None:
    assert read([*keys(2), *alt(digits), *keys(3)], layout)[0].isascii() is char.isascii()
    assert read([*alt(digits)], layout) == ([char] if char.strip("\r\n\t") else [])


@pytest.mark.parametrize("digits", ["0", "5", "07", "31", "256", "0129", "55296", "99999999", "123456789012"])
def test_a_number_that_names_no_character_for_certain_loses_the_code(digits: str) -> None:
    layout = "jp" if digits == "0129" else "us"
    assert read([*keys(2), *alt(digits), *keys(3)], layout) == [
        f"lost: Alt+{digits[:9]} names no character for certain"
    ]


def test_num_lock_and_either_alt_make_no_difference() -> None:
    assert read([*keys(KEY_NUMLOCK), *alt("065"), *keys(KEY_NUMLOCK), *alt("066")]) == ["AB"]
    right = [*moves(ALTGR), *keys(KP["0"], KP["6"], KP["7"]), *moves(-ALTGR)]
    assert read(right) == ["C"]


def test_each_digit_may_come_while_the_one_before_is_still_going_up() -> None:
    """As a Datalogic Gryphon types: one report lets a key go and presses the next."""
    run = [
        [(EV_KEY, LEFT_ALT, PRESSED), (EV_KEY, KP["0"], PRESSED), (0, 0, 0)],
        [(EV_KEY, KP["0"], RELEASED), (EV_KEY, KP["5"], PRESSED), (0, 0, 0)],
        [(EV_KEY, KP["5"], RELEASED), (EV_KEY, KP["2"], PRESSED), (0, 0, 0)],
        [(EV_KEY, LEFT_ALT, RELEASED), (EV_KEY, KP["2"], RELEASED), (0, 0, 0)],
    ]
    assert read(run) == ["4"]


@pytest.mark.parametrize(("digits", "char"), [("083", "S"), ("045", "-"), ("126", "~")])
def test_one_report_may_hold_the_whole_number(digits: str, char: str) -> None:
    assert read(held(LEFT_ALT, *(KP[digit] for digit in digits))) == [char]


@pytest.mark.parametrize("shown", ["08", "1", "012", "029"])
def test_one_report_that_may_have_held_a_digit_twice_loses_the_code(shown: str) -> None:
    """The kernel shows a key once however often the report holds it: 08 may be 080 or 088, 012 may be 0112."""
    (lost,) = read(held(LEFT_ALT, *(KP[digit] for digit in shown)))
    assert lost.startswith("lost: Alt+")


GS_KEYS: list[tuple[str, list[Report]]] = [
    ("us", held(CTRL, 27)), ("us", held(KEY_RIGHTCTRL, 27)), ("us", [*alt("029")]), ("us", [*alt("0029")]),
    ("us", keys(_F12)), ("de", held(CTRL, 27)), ("de", held(CTRL, 10)), ("fr", held(CTRL, 27)),
    ("jp", held(CTRL, 43)), ("se", held(CTRL, 10)), ("ru", held(CTRL, 27)), ("gr", held(CTRL, 27)),
    ("de", keys(_F12)), ("us", [*held(CTRL, SHIFT, 22), *keys(2, 32, 57)]),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "reports"), GS_KEYS)
def test_gs_in_all_its_forms(layout: str, reports: list[Report]) -> None:
    assert read([*keys(KP["1"]), *reports, *keys(KP["2"])], layout) == ["1\x1d2"]


@pytest.mark.parametrize(
    ("layout", "code", "char"),
    [
        ("us", 30, "\x01"), ("us", 21, "\x19"), ("de", 21, "\x1a"), ("fr", 16, "\x01"), ("ru", 46, "\x03"),
        ("gr", 16, "\x11"), ("us", 26, "\x1b"), ("us", 43, "\x1c"), ("us", 7, "\x1e"), ("us", 12, "\x1f"),
        ("us", 3, "\0"), ("de", 26, "\x1b"), ("de", 43, "\x1c"), ("de", 53, "\x1f"), ("it", 41, "\x1c"),
        ("be", 86, "\x1c"), ("fr", 9, "\x1c"), ("fr", 7, "\x1e"), ("jp", 26, "\0"), ("jp", 13, "\x1e"),
    ],
)  # fmt: skip
def test_ctrl_types_control_characters_where_each_country_has_them(layout: str, code: int, char: str) -> None:
    assert read([*keys(KP["1"]), *held(CTRL, code), *keys(KP["2"])], layout) == [f"1{char}2"]


def test_a_shift_that_stays_down_for_capitals_does_not_change_a_control_character() -> None:
    """As a Honeywell MS7580 types a line end in a QR code."""
    assert read([*keys(2), *moves(CTRL, SHIFT, 36, -36, -CTRL, 32, -32, -SHIFT)]) == ["1\nD"]


E9 = (18, 10)  # the keys e and 9


@pytest.mark.parametrize(
    "reports",
    [
        [*held(CTRL, SHIFT, 22), *keys(*E9, 57)],
        [*held(CTRL, SHIFT, 22), *keys(*E9, KEY_ENTER)],
        [*held(CTRL, SHIFT, 22), *keys(11, 11, 18, KP["9"], 57)],
        [*moves(CTRL, SHIFT), *keys(22, *E9), *moves(-SHIFT, -CTRL)],
        [*moves(SHIFT, CTRL), *keys(22, *E9), *moves(-CTRL, -SHIFT)],
        [*moves(CTRL, SHIFT), *keys(22, *E9, 57), *moves(-SHIFT, -CTRL)],
    ],
    ids=["space", "enter", "leading zeros", "release", "release the other way", "space while held"],
)
def test_ctrl_shift_u_ends_by_space_enter_or_release(reports: list[Report]) -> None:
    assert read([*keys(30), *reports, *keys(48)]) == ["aéb"]


def test_the_hex_digits_of_an_azerty_keyboard_come_with_shift() -> None:
    reports = [*held(CTRL, SHIFT, 22), *held(SHIFT, 3), *held(SHIFT, 11), *keys(16), *held(SHIFT, 46), *keys(57)]
    assert read(reports, "fr") == ["€"]


def test_plane_1_and_cjk_come_through() -> None:
    def hexadecimal(*codes: int) -> list[Report]:
        return [*held(CTRL, SHIFT, 22), *keys(*codes, 57)]

    digit = dict(zip("1234567890abcdef", (*range(2, 12), 30, 48, 46, 32, 18, 33), strict=True))
    reports = [report for char in "é€漢😀" for report in hexadecimal(*(digit[each] for each in f"{ord(char):x}"))]
    assert read(reports) == ["é€漢😀"]


@pytest.mark.parametrize(
    ("reports", "word"),
    [
        (held(LEFT_ALT, 33), "key 33 with Alt"),
        ([*moves(LEFT_ALT), *keys(KP["0"], 30), *moves(-LEFT_ALT)], "key 30 with Alt"),
        (moves(LEFT_ALT, KP["0"], -KP["0"], KP["6"], -KP["6"], KP["5"], -KP["5"]), "was not finished"),
        (held(KEY_LEFTMETA, 30), "with Meta"),
        (held(CTRL, 2), "key 2 with Ctrl"),
        (held(ALTGR, 16), "key 16 with Alt"),
        (keys(1), "key 1 "),
        (keys(0x2FF), "key 767"),
        (keys(93), "key 93"),  # Kana
        ([*held(CTRL, SHIFT, 22), *keys(57)], "Ctrl+Shift+U  is no character"),
        ([*held(CTRL, SHIFT, 22), *keys(44)], "after Ctrl+Shift+U"),
        ([*held(CTRL, SHIFT, 22), *keys(32, 9, 11, 11, 57)], "d800"),
        ([*held(CTRL, SHIFT, 22), *keys(*[33] * 9)], "after Ctrl+Shift+U"),
    ],
)
def test_a_key_without_a_character_loses_the_whole_code(reports: list[Report], word: str) -> None:
    (lost,) = read([*keys(2, 3, 4), *reports])
    assert lost.startswith("lost: ")
    assert word in lost


def test_a_right_alt_without_altgr_is_an_alt() -> None:
    assert read([*moves(ALTGR), *keys(30), *moves(-ALTGR)]) == [
        "lost: key 30 with Alt has no character on a keyboard of layout us"
    ]


@pytest.mark.parametrize("modifier", [SHIFT, CTRL, LEFT_ALT, ALTGR, KEY_LEFTMETA])
def test_no_modifier_sticks_after_keys_were_dropped(modifier: int) -> None:
    decoder = Decoder(load("de"))
    broken = [*events(keys(2)), *events(moves(modifier), START + 3 * MS), *overflow(START + 4 * MS)]
    for event in broken:
        decoder.feed(event)
    whole = events([*keys(21, 3), *keys(KEY_ENTER)], START + 400 * MS)
    assert [told(outcome) for event in whole for outcome in decoder.feed(event)] == ["z2"]


@pytest.mark.parametrize("open_key", [held(CTRL, SHIFT, 22), moves(LEFT_ALT, KP["0"]), keys(13)])
def test_nothing_of_a_lost_code_reaches_into_the_next(open_key: list[Report]) -> None:
    decoder = Decoder(load("de"))
    for event in [*events(open_key), *overflow(START + 9 * MS)]:
        decoder.feed(event)
    whole = events([*keys(30), *keys(KEY_ENTER)], START + 400 * MS)
    assert [told(outcome) for event in whole for outcome in decoder.feed(event)] == ["a"]


def test_no_code_is_read_by_two_layouts() -> None:
    decoder = Decoder()
    run = events(keys(21, 44, KEY_ENTER, 21, 44, KEY_ENTER))
    heard = [told(outcome) for event in run[:4] for outcome in decoder.feed(event)]
    decoder.use(load("de"))
    assert decoder.habits.layout == "de"
    assert heard + [told(outcome) for event in run[4:] for outcome in decoder.feed(event)] == ["yz", "zy"]


def test_a_layout_can_be_changed_between_two_codes() -> None:
    decoder = Decoder()
    first = [told(outcome) for event in events([*keys(21, KEY_ENTER)]) for outcome in decoder.feed(event)]
    decoder.use(load("de"))
    later = events([*keys(21, KEY_ENTER)], START + 900 * MS)
    assert first + [told(outcome) for event in later for outcome in decoder.feed(event)] == ["y", "z"]
    assert decoder.habits.layout == "de"
