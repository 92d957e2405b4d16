"""Keys in, codes out: endings, shifts, silence, and every way in which a code is lost rather than guessed."""

from __future__ import annotations

import gc
import string
import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    EVENT_BYTES,
    KEY_CAPSLOCK,
    KEY_ENTER,
    KEY_KPENTER,
    KEY_LEFTALT,
    KEY_LEFTCTRL,
    KEY_LEFTSHIFT,
    KEY_LINEFEED,
    KEY_NUMLOCK,
    KEY_TAB,
    PRESSED,
    RELEASED,
    SYN_DROPPED,
    SYN_REPORT,
    EventStream,
    InputEvent,
    pack_event,
)
from support.keys import MS, START, overflow, stroke, strokes, typed

EAN = "4006381333931"
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def code(text: str, time: int) -> Code:
    return Code(text, text.encode(), time)


def fed(decoder: Decoder, events: Iterable[InputEvent]) -> list[Outcome]:
    return [outcome for event in events for outcome in decoder.feed(event)]


def decoded(*runs: Iterable[InputEvent]) -> list[str]:
    """The texts of a recording; a lost code shows as `lost: reason`."""
    decoder = Decoder()
    outcomes = [outcome for run in runs for outcome in fed(decoder, run)] + decoder.finish()
    return [told(outcome) for outcome in outcomes]


def told(outcome: Outcome) -> str:
    if isinstance(outcome, Code):
        return outcome.text
    return f"lost: {outcome.reason}" if isinstance(outcome, Lost) else f"layout: {outcome.layout}"


def test_an_ean_13_at_2_ms_a_character_is_exact() -> None:
    assert decoded(typed(EAN)) == [EAN]


def test_3000_characters_are_read_within_little_memory_and_without_a_full_round_of_the_garbage_collector() -> None:
    """A round over all there is stops the reader for milliseconds, in which keys run over."""
    octets = b"".join(pack_event(*event) for event in typed("A1b2C3" * 500))
    stream, decoder, rounds = EventStream(), Decoder(), list[int]()
    gc.collect()
    gc.callbacks.append(lambda phase, told: rounds.append(told["generation"]) if phase == "start" else None)
    tracemalloc.start()
    try:
        for at in range(0, len(octets), 8 * EVENT_BYTES):
            found = fed(decoder, stream.feed(octets[at : at + 8 * EVENT_BYTES]))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.callbacks.pop()
    assert found == [code("A1b2C3" * 500, found[0].time)]
    assert most < 200_000
    assert 2 not in rounds


def test_every_printable_character_is_typed_and_read_back() -> None:
    assert decoded(typed(PRINTABLE)) == [PRINTABLE]


@pytest.mark.parametrize(
    "endings",
    [[KEY_ENTER], [KEY_KPENTER], [KEY_TAB], [KEY_LINEFEED], [KEY_ENTER, KEY_LINEFEED], [KEY_ENTER, KEY_ENTER]],
)
def test_each_ending_gives_one_code_and_no_empty_one(endings: list[int]) -> None:
    first, second = typed("A1", suffix=None), typed("B2", START + 20 * MS, suffix=None)
    runs = first, strokes(endings, START + 6 * MS), second, strokes(endings, START + 26 * MS)
    assert decoded(*runs) == ["A1", "B2"]


def test_a_lone_syn_dropped_long_before_a_code_loses_that_code_and_never_only_its_first_key() -> None:
    """EVIOCSCLOCKID leaves one in the place of what waited, and no SYN_REPORT behind it."""
    alone = overflow(START)[:1]
    heard = decoded(alone, typed(EAN, START + 9_000 * MS), typed("NEXT", START + 20_000 * MS))
    assert [text.startswith("lost: ") for text in heard[:-1]] == [True, True]
    assert heard[-1] == "NEXT"


@pytest.mark.parametrize(("held", "text"), [((), "4"), ((KEY_LEFTSHIFT,), "$"), ((30, KEY_ENTER), "4")])
def test_a_modifier_that_was_down_at_opening_counts_until_it_is_released(held: tuple[int, ...], text: str) -> None:
    decoder = Decoder(opened_at=START - 9_000 * MS, held=frozenset(held))
    released = InputEvent(START + 10 * MS, EV_KEY, KEY_LEFTSHIFT, RELEASED)
    heard = fed(decoder, [*typed("4", START), released, *typed("4", START + 900 * MS)])
    assert [outcome.text for outcome in heard if isinstance(outcome, Code)] == [text, "4"]


def test_suffix_keys_alone_are_no_code() -> None:
    assert decoded(strokes([KEY_ENTER, KEY_TAB, KEY_KPENTER, KEY_LINEFEED])) == []


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ([71, 72, 73, 82, 83, 78, 74, 55, 98], "7890.+-*/"),
        ([KEY_NUMLOCK, 79, 80, 81], "123"),
        ([KEY_CAPSLOCK, 30, 48, 2, KEY_CAPSLOCK, 30], "AB1a"),
        ([57, 12, 53], " -/"),
    ],
    ids=["keypad", "num lock first", "caps lock", "space and signs"],
)
def test_keys_mean_characters_of_the_us_layout(codes: list[int], text: str) -> None:
    assert decoded(strokes(codes)) == [text]


def held(modifier: int, code: int, at: int = START) -> list[InputEvent]:
    down = InputEvent(at, EV_KEY, modifier, PRESSED)
    return [down, *stroke(code, at), InputEvent(at + MS, EV_KEY, modifier, RELEASED)]


def test_shift_with_caps_lock_types_small_letters() -> None:
    assert decoded(strokes([KEY_CAPSLOCK]), held(KEY_LEFTSHIFT, 30), stroke(30, START + 4 * MS)) == ["aA"]


@pytest.mark.parametrize(("code", "char"), [(27, "\x1d"), (36, "\n"), (50, "\r")])
def test_ctrl_with_a_letter_is_a_control_character(code: int, char: str) -> None:
    assert decoded(typed("01", suffix=None), held(KEY_LEFTCTRL, code), typed("2", START + 4 * MS)) == [
        f"01{char}2"
    ]


def test_auto_repeat_types_nothing() -> None:
    assert decoded([*typed("7", suffix=None), InputEvent(START + 2 * MS, EV_KEY, 8, 2)]) == ["7"]


def test_silence_ends_a_code_and_the_clock_of_the_events_decides() -> None:
    runs = typed(EAN, suffix=None), typed("NEXT", START + 300 * MS, suffix=None)
    assert decoded(*runs) == [EAN, "NEXT"]


def test_a_hiccup_shorter_than_the_pause_does_not_end_a_code() -> None:
    assert decoded(typed("12", suffix=None), typed("34", START + 99 * MS)) == ["1234"]


def test_a_scanner_that_ends_codes_by_a_key_may_hiccup_longer() -> None:
    runs = typed("A"), typed("12", START + 500 * MS, suffix=None), typed("34", START + 700 * MS)
    assert decoded(*runs) == ["A", "1234"]


def test_silence_is_told_by_the_deadline() -> None:
    decoder = Decoder()
    assert decoder.overdue_at() is None
    assert fed(decoder, typed("12", suffix=None)) == []
    last = START + 2 * MS
    assert decoder.overdue_at() == last + 250 * MS
    assert decoder.close_overdue(last + 249 * MS) == []
    assert decoder.close_overdue(last + 250 * MS) == [code("12", last)]
    assert decoder.overdue_at() is None


def only_loss(outcomes: list[Outcome], word: str) -> bool:
    (outcome,) = outcomes
    return isinstance(outcome, Lost) and word in outcome.reason


@pytest.mark.parametrize("after", [1, 5, 12])
def test_dropped_keys_lose_the_whole_code_and_leave_the_next_one_alone(after: int) -> None:
    events = typed(EAN)
    cut = after * 4
    broken = [*events[:cut], *overflow(events[cut].time), *events[cut + 8 :]]
    decoder = Decoder()
    assert only_loss(fed(decoder, broken), "SYN_DROPPED")
    assert fed(decoder, typed(EAN, START + 400 * MS)) == [code(EAN, START + 426 * MS)]


def test_after_dropped_keys_silence_too_begins_a_new_code() -> None:
    events = typed(EAN, suffix=None, keep=slice(20))
    assert decoded(events, overflow(events[-1].time), typed("NEXT", START + 400 * MS)) == [
        "lost: the kernel dropped keys (SYN_DROPPED): they came faster than they were read",
        "NEXT",
    ]


def test_what_lies_between_dropped_and_report_is_ignored() -> None:
    dropped = InputEvent(START, EV_SYN, SYN_DROPPED, 0)
    half = InputEvent(START, EV_KEY, KEY_LEFTSHIFT, PRESSED)
    report = InputEvent(START, EV_SYN, SYN_REPORT, 0)
    assert decoded([dropped, half, report], typed("a", START + 300 * MS))[1:] == ["a"]


def test_a_shift_held_when_keys_were_dropped_does_not_stick() -> None:
    shift = InputEvent(START, EV_KEY, KEY_LEFTSHIFT, PRESSED)
    assert decoded([shift, *overflow(START + MS)], typed("abc", START + 300 * MS))[1:] == ["abc"]


def test_two_overflows_in_one_code_are_one_loss() -> None:
    assert only_loss(fed(Decoder(), [*overflow(START), *overflow(START + MS)]), "SYN_DROPPED")


@pytest.mark.parametrize(
    ("keys", "word"),
    [(strokes([30, 87, 48]), "key 87"), (held(KEY_LEFTALT, 76), "Alt"), (held(KEY_LEFTCTRL, 2), "key 2")],
)
def test_a_key_without_a_character_loses_its_code_and_only_that(keys: list[InputEvent], word: str) -> None:
    decoder = Decoder()
    assert only_loss(fed(decoder, [*keys, *stroke(KEY_ENTER, START + 20 * MS)]), word)
    assert fed(decoder, typed("OK", START + 30 * MS)) == [code("OK", START + 34 * MS)]


def test_a_code_may_have_8192_characters_and_no_more() -> None:
    assert decoded(typed("7" * 8192)) == ["7" * 8192]
    assert decoded(typed("7" * 8193), typed("OK", START + 20_000 * MS)) == [
        "lost: the code is longer than 8192 bytes",
        "OK",
    ]


def test_a_code_that_may_have_begun_before_the_opening_is_lost_up_to_its_end() -> None:
    decoder = Decoder(opened_at=START - 149 * MS)
    assert only_loss(fed(decoder, typed("TAIL")), "middle")
    assert fed(decoder, typed("NEXT", START + 20 * MS)) == [code("NEXT", START + 28 * MS)]


def test_a_code_that_begins_well_after_the_opening_is_kept() -> None:
    assert fed(Decoder(opened_at=START - 150 * MS), typed("OK")) == [code("OK", START + 4 * MS)]


def test_of_codes_that_waited_unread_only_the_first_is_lost() -> None:
    """A FIFO keeps what was typed while capture was away; times before the opening prove nothing of the first."""
    decoder = Decoder(opened_at=START + 9_000 * MS)
    waiting = [*typed("ONE", suffix=None), *typed("TWO", START + 500 * MS), *typed("3", START + 900 * MS)]
    lost, *kept = fed(decoder, waiting)
    assert isinstance(lost, Lost)
    assert [outcome.text for outcome in kept if isinstance(outcome, Code)] == ["TWO", "3"]


def test_the_release_of_an_enter_that_was_read_before_the_opening_loses_nothing() -> None:
    decoder = Decoder(opened_at=START)
    release = InputEvent(START + MS, EV_KEY, KEY_ENTER, RELEASED)
    assert fed(decoder, [release, *typed("OK", START + 200 * MS)]) == [code("OK", START + 204 * MS)]


def test_a_scanner_unplugged_in_a_code_loses_it_and_outside_of_one_nothing() -> None:
    decoder = Decoder()
    assert decoder.cut_off("unplugged", START) == []
    fed(decoder, typed("12", suffix=None))
    assert decoder.cut_off("unplugged", START) == [Lost("unplugged", START)]


@settings(max_examples=300, deadline=None)
@given(st.text(PRINTABLE, min_size=1, max_size=60), st.integers(MS // 2, 99 * MS))
def test_text_to_keys_to_text_changes_nothing(text: str, gap: int) -> None:
    assert decoded(typed(text, gap=gap)) == [text]


KEY_EVENTS = st.builds(
    InputEvent,
    time=st.integers(-(2**70), 2**70),
    type=st.sampled_from([EV_SYN, EV_KEY, 4, 0xFFFF]),
    code=st.integers(0, 0x2FF),
    value=st.integers(-1, 3),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(KEY_EVENTS, max_size=80), st.none() | st.integers(0, 2**63))
def test_no_events_whatever_make_the_decoder_stumble(events: list[InputEvent], opened_at: int | None) -> None:
    decoder = Decoder(opened_at=opened_at)
    for outcome in [*fed(decoder, events), *decoder.close_overdue(2**71), *decoder.finish()]:
        assert isinstance(outcome, Lost) or (isinstance(outcome, Code) and 0 < len(outcome.text) <= 160)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_no_bytes_whatever_make_the_stream_or_the_decoder_stumble(chunks: list[bytes]) -> None:
    stream, decoder = EventStream(), Decoder(opened_at=START)
    events = [event for chunk in chunks for event in stream.feed(chunk)]
    assert len(events) == sum(map(len, chunks)) // EVENT_BYTES
    fed(decoder, events)
