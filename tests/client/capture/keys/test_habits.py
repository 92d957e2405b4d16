"""Where a code ends: by which key, by how long a silence; and what is learned of it for the next start."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.codes import Code, Lost
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import (
    KEY_ENTER,
    KEY_KPENTER,
    KEY_LEFTCTRL,
    KEY_LINEFEED,
    KEY_TAB,
    InputEvent,
)
from pi_auto.client.capture.keys.habits import Ending, Habits
from pi_auto.client.capture.unfinished import HABIT
from pi_auto.simulator.wedge import Report, Wedge, alt, stroke
from support.cases import HYPOTHESIS_CASES
from support.keys import MS, START

ENTER, TAB = stroke((KEY_ENTER,)), stroke((KEY_TAB,))
CTRL_J, CTRL_M, CTRL_I = (KEY_LEFTCTRL, 36), (KEY_LEFTCTRL, 50), (KEY_LEFTCTRL, 23)


def events(reports: list[Report], at: int) -> list[InputEvent]:
    return [InputEvent(at + n * MS, *event) for n, report in enumerate(reports) for event in report]


def typed(text: str, at: int, gap: int = 2 * MS, *ending: tuple[int, ...] | str) -> list[InputEvent]:
    """A code and what it ends by: keys pressed together, or digits of an Alt code."""
    run = Wedge(suffix=(), gap=gap).events(text, at)
    reports = [report for keys in ending for report in (alt(keys) if isinstance(keys, str) else stroke(keys))]
    return run + events(reports, at + len(text) * gap)


def read(decoder: Decoder, *runs: list[InputEvent]) -> list[str]:
    """The texts; silence is told 40 ms after it was due, as by a reader that woke up late."""
    outcomes = []
    for event in (event for run in runs for event in run):
        due = decoder.overdue_at()
        if due is not None and due + 40 * MS <= event.time:
            outcomes += decoder.close_overdue(due + 40 * MS)
        outcomes += decoder.feed(event)
    outcomes += decoder.finish()
    return [outcome.text if isinstance(outcome, Code) else str(outcome) for outcome in outcomes]


ENDINGS: list[list[tuple[int, ...] | str]] = [
    [(KEY_ENTER,)], [(KEY_KPENTER,)], [(KEY_LINEFEED,)], [(KEY_TAB,)], [CTRL_J], [CTRL_M], [CTRL_I],
    [CTRL_M, CTRL_J], [(KEY_ENTER,), CTRL_J], [(KEY_ENTER,), (KEY_LINEFEED,)], [(KEY_TAB,), (KEY_ENTER,)],
    ["013"], ["013", "010"], ["0013", "0010"], ["009"], [(KEY_ENTER,), "010"],
]  # fmt: skip
KNOWN = [None, *(Habits("us", ending, 2 * MS) for ending in Ending)]


@pytest.mark.parametrize(
    ("ending", "habits"),
    [
        *((ending, habits) for ending in ENDINGS for habits in KNOWN),
        *(([], habits) for habits in (None, Habits("us", Ending.SILENCE, 2 * MS))),
    ],
)
def test_each_ending_gives_one_code_and_no_empty_one(
    ending: list[tuple[int, ...] | str], habits: Habits | None
) -> None:
    decoder = Decoder(habits=habits)
    runs = [typed(text, START + n * 700 * MS, 2 * MS, *ending) for n, text in enumerate(("A1", "B2", "C3"))]
    assert read(decoder, *runs) == ["A1", "B2", "C3"]


def test_line_ends_that_stand_alone_are_no_code() -> None:
    assert read(Decoder(), *(typed("", START + n * 500 * MS, MS, CTRL_J, CTRL_M, "009") for n in range(3))) == []


def test_line_ends_inside_a_code_are_data_and_the_bytes_keep_the_last_ones() -> None:
    decoder = Decoder()
    run = [*typed("A", START, 2 * MS, CTRL_M, CTRL_J), *typed("B", START + 9 * MS, 2 * MS, CTRL_J, (KEY_ENTER,))]
    assert [(code.text, code.raw) for event in run for code in decoder.feed(event) if isinstance(code, Code)] == [
        ("A\r\nB", b"A\r\nB\n")
    ]


def test_a_tab_is_data_in_the_codes_of_a_scanner_that_ends_them_by_enter() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.LINE))
    run = [*typed("A", START, 2 * MS, (KEY_TAB,)), *typed("B", START + 6 * MS, 2 * MS, (KEY_ENTER,))]
    assert read(decoder, run) == ["A\tB"]


@pytest.mark.parametrize("known", [None, Habits(ending=Ending.SILENCE, gap_ns=2 * MS)])
@pytest.mark.parametrize("ending", [(), ((KEY_ENTER,),)])
def test_a_tab_in_a_code_cuts_none_in_two_until_the_scanner_is_known_to_end_them_by_it(
    known: Habits | None, ending: tuple[tuple[int, ...], ...]
) -> None:
    """Else the tail of one code and the head of the next would be taken for a third."""
    decoder = Decoder(habits=known)
    runs = [
        [*typed("A", START + at, 2 * MS, (KEY_TAB,)), *typed(f"B{at}", START + at + 6 * MS, 2 * MS, *ending)]
        for at in (0, 1500 * MS, 3000 * MS)
    ]
    assert read(decoder, *runs) == ["A\tB0", "A\tB1500000000", "A\tB3000000000"]


def test_codes_that_came_together_are_told_apart_by_the_tab_that_turns_out_to_end_them() -> None:
    runs = [typed(text, START + n * 20 * MS, 2 * MS, (KEY_TAB,)) for n, text in enumerate(("A1", "B2", "C3"))]
    decoder = Decoder()
    assert read(decoder, *runs) == ["A1", "B2", "C3"]
    assert decoder.habits.ending is Ending.TAB


def test_a_scanner_set_from_enter_to_tab_is_learned_again_by_the_first_silence() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.LINE, gap_ns=2 * MS))
    runs = [typed(text, START + n * 500 * MS, 2 * MS, (KEY_TAB,)) for n, text in enumerate(("A1", "B2"))]
    assert read(decoder, *runs) == ["A1", "B2"]
    assert Decoder(habits=Habits(ending=Ending.LINE)).habits.ending is Ending.LINE


def missed(key: str, time: int) -> str:
    reason = f"{key}, which ends this scanner's codes, has not come: some of it may be missing"
    return str(Lost(reason, time))


@pytest.mark.parametrize(("known", "key"), [(Ending.LINE, "Enter"), (Ending.TAB, "Tab")])
def test_a_scanner_that_is_set_to_no_suffix_is_learned_anew_after_two_codes(known: Ending, key: str) -> None:
    """Whoever scans sees them lost, and scans again: none of it is a code that nobody scanned."""
    decoder = Decoder(habits=Habits(ending=known, gap_ns=2 * MS))
    runs = [typed(text, START + n * 3_000 * MS, 2 * MS) for n, text in enumerate(("A1", "B2", "C3", "D4"))]
    lost = [missed(key, START + n * 3_000 * MS + 2 * MS) for n in range(2)]
    assert read(decoder, *runs) == [*lost, "C3", "D4"]
    assert decoder.habits == Habits("us", Ending.SILENCE, 2 * MS)
    decoder = Decoder(habits=Habits(ending=known, gap_ns=2 * MS))
    runs = [typed(text, START + n * 400 * MS, 2 * MS) for n, text in enumerate(("A1", "B2", "C3", "D4", "E5"))]
    assert read(decoder, *runs) == [missed(key, START + 802 * MS), "D4", "E5"]
    assert decoder.habits.gap_ns == 2 * MS


@pytest.mark.parametrize("stall", [249, 300, 1_000, 1_990])
@pytest.mark.parametrize(("known", "ending"), [(Ending.LINE, KEY_ENTER), (Ending.TAB, KEY_TAB)])
def test_a_stall_cuts_no_code_whose_ending_is_known_and_is_no_habit(
    stall: int, known: Ending, ending: int
) -> None:
    decoder = Decoder(habits=Habits(ending=known, gap_ns=2 * MS))
    runs = []
    for n in range(4):
        at = START + n * 4_000 * MS
        runs += [typed("4006381", at), typed("333931", at + 12 * MS + stall * MS, 2 * MS, (ending,))]
    assert read(decoder, *runs) == ["4006381333931"] * 4
    assert decoder.habits.ending is known
    assert (decoder.habits.gap_ns or 0) < 30 * MS


def test_a_scanner_that_was_made_slow_is_read_whole_where_its_ending_is_known() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.LINE, gap_ns=2 * MS))
    runs = [typed("4006381333931", START + n * 20_000 * MS, 400 * MS, (KEY_ENTER,)) for n in range(3)]
    assert read(decoder, *runs) == ["4006381333931"] * 3


def test_a_part_whose_rest_never_comes_is_lost_after_two_seconds() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.LINE, gap_ns=2 * MS))
    for event in typed("12", START):
        decoder.feed(event)
    last = START + 2 * MS
    assert decoder.close_overdue(last + 250 * MS) == []
    assert decoder.overdue_at() == last + 2_000 * MS
    assert [str(each) for each in decoder.close_overdue(last + 2_000 * MS)] == [missed("Enter", last)]
    assert decoder.overdue_at() is None
    assert read(decoder, typed("A1", START + 9_000 * MS, 2 * MS, (KEY_ENTER,))) == ["A1"]


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ABCDEFG0123456789", min_size=6, max_size=14), st.integers(150, 4_000)), max_size=8
    ),
    st.sampled_from([None, *Ending]),
    st.sampled_from([(), ((KEY_ENTER,),), ((KEY_TAB,),)]),
)
def test_whatever_a_scanner_is_set_to_all_it_gives_was_scanned_and_soon_nothing_is_lost(
    codes: list[tuple[str, int]], known: Ending | None, ending: tuple[tuple[int, ...], ...]
) -> None:
    runs, at = [], START
    for text, wait in codes:
        runs.append(typed(text, at, 2 * MS, *ending))
        at += (len(text) * 2 + 300 + wait) * MS
    decoder = Decoder(habits=Habits(ending=known, gap_ns=2 * MS) if known else None)
    found = [each for each in read(decoder, *runs) if not each.startswith("Lost(")]
    scanned = [text for text, _ in codes]
    assert found == scanned[len(scanned) - len(found) :]  # the last ones, in order
    assert len(scanned) - len(found) <= HABIT


def test_two_codes_without_suffix_300_ms_apart_are_two() -> None:
    decoder = Decoder()
    runs = [
        typed(text, START + n * 300 * MS, 2 * MS) for n, text in enumerate(("4006381333931", "96385074", "A1"))
    ]
    assert read(decoder, *runs) == ["4006381333931", "96385074", "A1"]
    assert decoder.habits == Habits("us", Ending.SILENCE, 2 * MS)


@pytest.mark.parametrize("gap", [1, 5, 50, 99, 150, 500, 990])
@pytest.mark.parametrize("ending", [[], [(KEY_ENTER,)]])
def test_a_scanner_set_to_any_gap_is_read_whole_from_its_first_code(
    gap: int, ending: list[tuple[int, ...]]
) -> None:
    decoder = Decoder()
    code = "4006381333931"
    after = START + 14 * gap * MS + 2_000 * MS
    assert read(decoder, typed(code, START, gap * MS, *ending), typed(code, after, gap * MS, *ending)) == [
        code,
        code,
    ]
    assert decoder.habits.gap_ns == gap * MS


@pytest.mark.parametrize(
    ("habits", "pause"),
    [
        (None, 250),
        (Habits(ending=Ending.SILENCE, gap_ns=2 * MS), 100),
        (Habits(ending=Ending.SILENCE, gap_ns=60 * MS), 300),
        (Habits(ending=Ending.SILENCE, gap_ns=990 * MS), 1_500),
        (Habits(ending=Ending.LINE, gap_ns=2 * MS), 250),
        (Habits(ending=Ending.TAB, gap_ns=100 * MS), 500),
    ],
)
def test_silence_ends_a_code_after_five_times_the_gap_within_bounds(habits: Habits | None, pause: int) -> None:
    decoder = Decoder(habits=habits)
    for event in typed("12", START):
        decoder.feed(event)
    assert decoder.overdue_at() == START + 2 * MS + pause * MS


def test_the_first_code_of_all_is_not_cut_by_a_hiccup_nor_is_the_first_after_a_start() -> None:
    hiccup = [*typed("4006381", START), *typed("333931", START + 200 * MS, 2 * MS, (KEY_ENTER,))]
    assert read(Decoder(), hiccup) == ["4006381333931"]
    first = Decoder()
    read(first, typed("X1", START, 2 * MS, (KEY_ENTER,)))
    assert read(Decoder(habits=first.habits), hiccup) == ["4006381333931"]


def test_a_hiccup_is_no_habit() -> None:
    decoder = Decoder()
    read(decoder, [*typed("40063", START), *typed("81333931", START + 90 * MS)])
    assert decoder.habits.gap_ns is not None
    assert decoder.habits.gap_ns < 10 * MS


def test_a_shorter_gap_is_believed_little_by_little_and_a_longer_one_at_once() -> None:
    decoder = Decoder(habits=Habits(gap_ns=80 * MS))
    gaps = []
    for n in range(3):
        read(decoder, typed("123", START + n * 5_000 * MS, 8 * MS))
        gaps.append(decoder.habits.gap_ns)
    assert gaps == [71 * MS, 63_125_000, 56_234_375]
    read(decoder, typed("123", START + 20_000 * MS, 70 * MS))
    assert decoder.habits.gap_ns == 70 * MS


def test_a_scanner_that_was_made_slow_is_learned_anew_after_two_fragments() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.SILENCE, gap_ns=2 * MS))
    assert read(decoder, typed("12345", START, 400 * MS)) == ["1", "2", "345"]
    assert read(decoder, typed("12345", START + 9_000 * MS, 400 * MS)) == ["12345"]


def test_the_late_rest_of_a_line_end_teaches_nothing() -> None:
    decoder = Decoder()
    for n in range(3):
        at = START + n * 9_000 * MS
        run = [*typed("A1", at, 400 * MS, (KEY_ENTER,)), *typed("", at + 1_300 * MS, MS, CTRL_J)]
        assert read(decoder, run) == ["A1"]
        assert decoder.habits == Habits("us", Ending.LINE, 400 * MS)


def test_a_lost_code_teaches_nothing() -> None:
    decoder = Decoder(habits=Habits(ending=Ending.LINE, gap_ns=2 * MS))
    assert read(decoder, typed("1", START, 90 * MS, (1,)), typed("2", START + 90 * MS, 90 * MS, (KEY_TAB,)))[
        0
    ].startswith("Lost")
    assert decoder.habits == Habits("us", Ending.LINE, 2 * MS)


def test_what_follows_a_lost_character_slowly_is_no_code_of_its_own() -> None:
    for text in ("", "1"):
        run = [
            *typed(text, START, 300 * MS, (1,)),
            *typed("345", START + (len(text) + 1) * 300 * MS, 300 * MS, (28,)),
        ]
        assert [each.startswith("Lost") for each in read(Decoder(), run)] == [True]


def test_an_alt_code_that_never_ends_is_lost_by_silence_and_told_of_in_time() -> None:
    decoder = Decoder()
    for event in events([*stroke((2,)), *list(alt("065"))[:-1]], START):
        decoder.feed(event)
    due = decoder.overdue_at()
    assert due is not None
    (lost,) = decoder.close_overdue(due)
    assert isinstance(lost, Lost)
    assert lost.reason == "a character typed by its number was not finished"
    assert decoder.overdue_at() is None
