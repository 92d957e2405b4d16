"""Which keyboards are scanners, told from their rhythm alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pi_auto.client.capture.events import (
    EV_KEY,
    KEY_ENTER,
    KEY_F12,
    KEY_LEFTSHIFT,
    PRESSED,
    RELEASED,
    InputEvent,
)
from pi_auto.client.capture.judge import LONGEST, SHORTER, Judge, Verdict

MS = 1_000_000
DIGIT_1, LETTER_A, BACKSPACE, LEFT_ALT, TAB = 2, 30, 14, 56, 15


def typed(codes: list[int], gaps: list[int]) -> Iterator[InputEvent]:
    """Keys pressed one after another, `gaps` milliseconds between them; released half-way."""
    time = 1_000_000 * MS
    for code, gap in zip(codes, [*gaps, 1], strict=True):
        yield InputEvent(time, EV_KEY, code, PRESSED)
        yield InputEvent(time + gap * MS // 2, EV_KEY, code, RELEASED)
        time += gap * MS


def verdict_on(codes: list[int], gaps: list[int]) -> Verdict:
    judge = Judge()
    for event in typed(codes, gaps):
        judge.feed(event)
    return judge.verdict


@pytest.mark.parametrize("gap", [1, 2, 10, 30, 45, 60])
def test_a_fast_code_with_enter_is_a_scanners(gap: int) -> None:
    assert verdict_on([DIGIT_1] * 13 + [KEY_ENTER], [gap] * 13) is Verdict.SCANNER


def test_a_scanner_that_hiccups_is_still_one() -> None:
    assert verdict_on([DIGIT_1] * 13 + [KEY_ENTER], [2, 2, 2, 35, 2, 2, 100, 2, 2, 2, 2, 2, 2]) is Verdict.SCANNER


def test_a_scanner_without_suffix_is_known_at_its_second_code() -> None:
    assert verdict_on([DIGIT_1] * 16, [5] * 7 + [900] + [5] * 7) is Verdict.SCANNER


def test_a_scanner_without_suffix_is_known_by_the_silence_behind_its_code() -> None:
    judge, last = Judge(), 0
    for event in typed([DIGIT_1] * 13, [5] * 12):
        judge.feed(event)
        last = event.time if event.value == PRESSED else last
    assert judge.quiet(last + LONGEST) is Verdict.OPEN
    assert (due := judge.due()) is not None
    assert judge.quiet(due) is Verdict.SCANNER
    assert judge.due() is None


@pytest.mark.parametrize("gaps", [[5] * 4, [120] * 12, []], ids=["short", "slow", "one key"])
def test_of_a_person_silence_tells_nothing(gaps: list[int]) -> None:
    judge = Judge()
    for event in typed([DIGIT_1] * (len(gaps) + 1), gaps):
        judge.feed(event)
    assert (judge.due(), judge.quiet(1_000_000_000 * MS)) == (None, Verdict.OPEN)


def test_f12_is_a_character_of_scanners_that_type_gs_by_it() -> None:
    codes = [DIGIT_1] * 8 + [KEY_F12] + [DIGIT_1] * 4 + [KEY_ENTER]
    assert verdict_on(codes, [5] * 13) is Verdict.SCANNER
    assert verdict_on([KEY_F12, KEY_ENTER], [300]) is Verdict.PERSON


@pytest.mark.parametrize("seed", range(20))
def test_a_person_is_never_taken_for_a_scanner(seed: int) -> None:
    dice = random.Random(seed)
    length = dice.randint(1, 40)
    codes = [dice.choice([DIGIT_1, LETTER_A, LETTER_A + 1]) for _ in range(length)] + [KEY_ENTER]
    assert verdict_on(codes, [dice.randint(80, 250) for _ in range(length)]) is not Verdict.SCANNER


@pytest.mark.parametrize(
    ("codes", "gaps"),
    [([LETTER_A, BACKSPACE], [50]), ([LETTER_A, LETTER_A, KEY_ENTER], [120, 90]), ([LETTER_A, TAB], [400])],
    ids=["backspace", "slow", "one key"],
)
def test_what_only_a_person_does_decides_at_once(codes: list[int], gaps: list[int]) -> None:
    assert verdict_on(codes, gaps) is Verdict.PERSON


def test_a_key_that_is_held_is_a_persons() -> None:
    judge = Judge()
    judge.feed(InputEvent(0, EV_KEY, LETTER_A, PRESSED))
    assert judge.feed(InputEvent(500 * MS, EV_KEY, LETTER_A, 2)) is Verdict.PERSON


@pytest.mark.parametrize(("codes", "gaps"), [([DIGIT_1] * 4 + [KEY_ENTER], [2] * 4), ([KEY_ENTER], [])])
def test_too_little_to_tell_stays_open(codes: list[int], gaps: list[int]) -> None:
    assert verdict_on(codes, gaps) is Verdict.OPEN


def test_so_many_short_codes_in_a_row_are_a_scanners() -> None:
    short = [DIGIT_1, DIGIT_1, DIGIT_1, KEY_ENTER]
    assert verdict_on(short * (SHORTER - 1), ([5] * 3 + [900]) * (SHORTER - 2) + [5] * 3) is Verdict.OPEN
    assert verdict_on(short * SHORTER, ([5] * 3 + [900]) * (SHORTER - 1) + [5] * 3) is Verdict.SCANNER


def test_one_slower_among_them_is_a_persons() -> None:
    short = [DIGIT_1, DIGIT_1, DIGIT_1, KEY_ENTER]
    gaps = ([5] * 3 + [900]) * (SHORTER - 2) + [90, 90, 5]
    assert verdict_on(short * (SHORTER - 1), gaps) is Verdict.PERSON


def test_shift_counts_as_no_character() -> None:
    codes = [code for _ in range(6) for code in (KEY_LEFTSHIFT, LETTER_A)] + [KEY_ENTER]
    assert verdict_on(codes, [2] * 12) is Verdict.SCANNER


def test_a_verdict_stays() -> None:
    judge = Judge()
    for event in typed([DIGIT_1] * 8 + [KEY_ENTER, LETTER_A, LETTER_A, KEY_ENTER], [2] * 8 + [300, 300, 300]):
        judge.feed(event)
    assert judge.verdict is Verdict.SCANNER
