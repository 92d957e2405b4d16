"""Bytes of a serial line to codes: endings, none, and what is lost rather than guessed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.serial.lines import PAUSE, LineDecoder
from pi_auto.client.capture.unfinished import HABIT, LONGER_PAUSE, LONGEST
from support.cases import HYPOTHESIS_CASES
from support.keys import MS, START
from support.outcomes import raw_of, reason_of

EAN = b"4006381333931"
LICENCE = b"@\n\x1eANSI 636000080002DL00410278\nDAQT64235789\nDCSSAMPLE"
ENDINGS = [b"\r", b"\n", b"\r\n", b"\t", b"\x03"]


def outcomes(decoder: LineDecoder, pieces: Iterable[tuple[int, bytes | str]]) -> list[Outcome]:
    """What pieces bring to light, each so many ms after the one before, read in time; a text stands for a gap."""
    found, now = list[Outcome](), START
    for wait, piece in pieces:
        due = decoder.overdue_at()
        while due is not None and due < now + wait * MS:  # as by a reader that wakes for it
            found += decoder.close_overdue(due)
            due = decoder.overdue_at()
        now += wait * MS
        found += decoder.feed(Gap(now, piece) if isinstance(piece, str) else Octets(now, piece))
    for wait in (LONGER_PAUSE, LONGEST):
        found += decoder.close_overdue(now + wait)
    return found


def said(*pieces: tuple[int, bytes | str], decoder: LineDecoder | None = None) -> list[str]:
    found = outcomes(decoder or LineDecoder(), pieces)
    return [each.text if isinstance(each, Code) else f"lost: {reason_of(each)}" for each in found]


@pytest.mark.parametrize("ending", [*ENDINGS, b""])
def test_whatever_ends_a_code_there_is_one_scan_each_and_no_empty_one(ending: bytes) -> None:
    scans = [(300, EAN + ending), (300, b"SECOND" + ending), (300, b"THIRD" + ending)]
    assert said(*scans) == [EAN.decode(), "SECOND", "THIRD"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_codes_that_were_read_at_once_are_told_apart_by_their_ending(ending: bytes) -> None:
    assert said((0, ending.join([b"A", b"B", b"C", b""])), (300, b"D" + ending + b"E" + ending)) == list("ABCDE")


@pytest.mark.parametrize("ending", ENDINGS)
def test_once_its_ending_is_known_a_code_waits_for_nothing(ending: bytes) -> None:
    decoder = LineDecoder()
    outcomes(decoder, [(0, b"FIRST" + ending)])
    assert decoder.feed(Octets(START + 900 * MS, EAN + ending)) == [Code(EAN.decode(), EAN, START + 900 * MS)]
    assert decoder.overdue_at() is None


def test_an_ending_in_two_pieces_is_one() -> None:
    assert said((0, b"A\r"), (1, b"\n"), (300, b"B\r"), (1, b"\nC\r"), (1, b"\n")) == ["A", "B", "C"]


def test_a_scanner_that_is_set_from_cr_to_crlf_is_understood_at_once() -> None:
    assert said((0, b"A\r"), (300, b"B\r\n"), (300, b"C\r\n"), (300, b"D\r\nE\r\n")) == list("ABCDE")
    assert said((0, b"A\r"), (300, b"B\r\nC\r\n"), (300, b"D\r\n")) == list("ABCD")


@pytest.mark.parametrize(
    ("one", "other"), [(b"\r\n", b"\r"), (b"\r", b"\r\n"), (b"\n", b"\r\n"), (b"", b"\n"), (b"", b"\r\n")]
)
def test_a_scanner_that_is_set_to_another_ending_of_its_kind_or_from_none_goes_on(
    one: bytes, other: bytes
) -> None:
    scans = [(300, b"A" + one), (300, b"B" + one), (400, b"C" + other), (400, b"D" + other), (400, b"E" + other)]
    assert said(*scans) == list("ABCDE")


def missed(ending: str) -> str:
    return f"lost: {ending}, which ends its codes, has not come: some of it may be missing"


@pytest.mark.parametrize(("one", "name"), [(b"\r", "CR"), (b"\r\n", "CRLF"), (b"\x03", "ETX"), (b"\t", "Tab")])
@pytest.mark.parametrize("other", [b"", b"\n"])
def test_a_scanner_that_is_set_to_another_ending_is_learned_anew_after_two_codes(
    one: bytes, name: str, other: bytes
) -> None:
    """Whoever scans sees them lost, and scans again: none of it is a code that nobody scanned."""
    after = [(3000, text + other) for text in (b"C", b"D", b"E", b"F")]
    assert said((0, b"A" + one), (300, b"B" + one), *after) == ["A", "B", missed(name), missed(name), "E", "F"]
    fast = [(400, text + other) for text in (b"C", b"D", b"E", b"F", b"G")]
    assert said((0, b"A" + one), *fast) == ["A", missed(name), "F", "G"]


def test_codes_that_ended_as_they_do_between_unfinished_ones_make_no_habit_of_these() -> None:
    pieces: list[tuple[int, bytes | str]] = [(0, b"A\r")]
    for _ in range(5):
        pieces += [(3000, b"part"), (3000, b"part"), (3000, b"B\r")]
    assert said(*pieces) == ["A", *[missed("CR"), missed("CR"), "B"] * 5]


@pytest.mark.parametrize(("stall", "expected"), [
    (249, [EAN.decode()]),
    (600, [EAN.decode()]),
    (1999, [EAN.decode()]),
    (2100, [missed("CR"), "1333931"]),
])  # fmt: skip
def test_a_part_is_never_a_code_where_the_ending_is_known(stall: int, expected: list[str]) -> None:
    assert said((0, b"FIRST\r"), (300, b"400638"), (stall, b"1333931\r")) == ["FIRST", *expected]


def test_where_the_rest_never_comes_the_loss_is_told_after_two_seconds() -> None:
    decoder = LineDecoder()
    outcomes(decoder, [(0, b"FIRST\r")])
    decoder.feed(Octets(START, b"400638"))
    assert decoder.overdue_at() == START + LONGER_PAUSE
    assert decoder.close_overdue(START + LONGER_PAUSE) == []
    assert decoder.overdue_at() == START + LONGEST
    assert decoder.close_overdue(START + LONGEST - 1) == []
    (lost,) = decoder.close_overdue(START + LONGEST)
    assert "CR, which ends its codes, has not come" in reason_of(lost)
    assert decoder.overdue_at() is None
    assert decoder.close_overdue(START + 9 * LONGEST) == []


def test_what_is_open_at_the_end_is_lost_where_its_ending_is_known() -> None:
    decoder = LineDecoder()
    outcomes(decoder, [(0, b"FIRST\r")])
    decoder.feed(Octets(START, b"400638"))
    assert [reason_of(each) for each in decoder.finish()] == [missed("CR").removeprefix("lost: ")]
    assert decoder.finish() == []


def test_line_feeds_within_a_code_are_data() -> None:
    assert said((0, LICENCE + b"\r\n"), (300, LICENCE + b"\r\n" + EAN + b"\r\n")) == [
        LICENCE.decode(), LICENCE.decode(), EAN.decode(),
    ]  # fmt: skip


def test_two_codes_without_a_suffix_300_ms_apart_are_two() -> None:
    assert said((0, b"ONE"), (300, b"TWO")) == ["ONE", "TWO"]


def test_a_code_that_comes_in_pieces_is_one() -> None:
    assert said((0, b"400638"), (20, b"1333"), (99, b"931")) == [EAN.decode()]


def test_a_hiccup_cuts_no_code_in_two_where_its_ending_is_known() -> None:
    assert said((0, b"FIRST\r"), (300, b"400638"), (200, b"1333931\r")) == ["FIRST", EAN.decode()]


def test_bytes_that_were_read_late_are_one_code_only_if_its_ending_tells_so() -> None:
    """As by a reader that was frozen for 200 ms: they have waited, who knows since when."""
    decoder = LineDecoder()
    outcomes(decoder, [(0, b"FIRST\r")])
    now = START + 900 * MS
    late = [Octets(now, b"400638"), Octets(now + 300 * MS, b"1333931\rNEXT\r")]
    assert [each.text for part in late for each in decoder.feed(part) if isinstance(each, Code)] == [
        EAN.decode(),
        "NEXT",
    ]
    decoder = LineDecoder()
    late = [Octets(START, b"400638"), Octets(START + 200 * MS, b"1333931"), Octets(START + 201 * MS, b"?")]
    reason = "its bytes were read too late to tell whether they are one code or two"
    assert [outcome for part in late for outcome in decoder.feed(part)] == [Lost(reason, START + 200 * MS)]
    assert said((900, EAN), decoder=decoder) == [EAN.decode()]


def test_stx_and_etx_are_a_frame() -> None:
    assert said((0, b"\x02A\x03"), (300, b"\x02B\x03\x02C\x03")) == list("ABC")


def test_every_byte_is_data_and_text_is_utf_8_or_else_latin_1() -> None:
    raws = [b"\0; rm -rf /\x1b[2J'--\0", "é€漢😀".encode(), b"caf\xe9", bytes(range(14, 256))]
    found = outcomes(LineDecoder(), [(300, raw + b"\r") for raw in raws])
    assert [each.raw for each in found if isinstance(each, Code)] == raws
    assert [each.text for each in found if isinstance(each, Code)][1:3] == ["é€漢😀", "café"]


@pytest.mark.parametrize("ending", [b"\r\n", b""])
def test_8_kb_are_a_code_and_more_are_lost(ending: bytes) -> None:
    longest = b"x" * 8192
    pieces = [(300, b"A" + ending), (300, longest + ending), (300, longest + b"y" + ending), (300, b"B" + ending)]
    expected = ["A", longest.decode(), "lost: the code is longer than 8192 bytes", "B"]
    assert said(*pieces) == expected


def test_a_line_that_never_ends_takes_no_memory_and_is_lost_once() -> None:
    decoder = LineDecoder()
    pieces = [(0, b"A\r"), *[(300 if not n else 1, b"x" * 1000) for n in range(100)], (1, b"x\rB\r")]
    assert said(*pieces[:-1], decoder=decoder)[:2] == ["A", "lost: the code is longer than 8192 bytes"]
    assert len(decoder._open) < 10
    assert said(*pieces) == ["A", "lost: the code is longer than 8192 bytes", "B"]


def test_where_bytes_may_be_missing_the_code_is_lost_and_the_next_is_whole() -> None:
    known: list[tuple[int, bytes | str]] = [(0, b"A\r"), (300, b"400638"), (1, "overrun"), (1, b"931\rB\r")]
    assert said(*known) == ["A", "lost: overrun", "B"]
    assert said((0, b"400638"), (1, "overrun"), (1, b"931\rB\r"), (300, b"C\r")) == ["lost: overrun", "B", "C"]


def test_what_comes_right_after_opening_may_lack_its_beginning() -> None:
    late = LineDecoder(opened_at=START - 20 * MS)
    expected = ["lost: the scanner was opened in the middle of this code, or just before it", "B"]
    assert said((0, b"TAIL"), (1, b"END\rB\r"), decoder=late) == expected
    assert said((0, EAN), decoder=LineDecoder(opened_at=START - 150 * MS)) == [EAN.decode()]


def test_a_code_that_is_cut_off_is_lost() -> None:
    decoder = LineDecoder()
    decoder.feed(Octets(START, b"400638"))
    assert decoder.cut_off("unplugged", START + MS) == [Lost("unplugged", START + MS)]
    assert decoder.cut_off("unplugged", START + MS) == []
    assert decoder.finish() == []


def test_at_the_end_what_is_open_is_a_code() -> None:
    decoder = LineDecoder()
    decoder.feed(Octets(START, EAN))
    assert decoder.overdue_at() == START + PAUSE
    assert decoder.finish() == [Code(EAN.decode(), EAN, START)]


CODE = st.binary(min_size=1, max_size=60).filter(
    lambda code: not any(octet in code for octet in b"\r\n\t\x02\x03")
)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.lists(CODE, min_size=1, max_size=5), st.sampled_from([*ENDINGS, b""]), st.randoms())
def test_any_codes_come_back_byte_for_byte_however_they_are_cut(
    codes: list[bytes], ending: bytes, rng: object
) -> None:
    pieces: list[tuple[int, bytes | str]] = []
    for code in codes:
        whole = code + ending
        cut = rng.randint(0, len(whole))  # type: ignore[attr-defined]
        pieces += [(300, whole[:cut]), (3, whole[cut:])]
    found = outcomes(LineDecoder(), pieces)
    assert [each.raw for each in found if isinstance(each, Code)] == codes
    assert len(found) == len(codes)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.one_of(st.binary(max_size=40), st.just("gap"))), max_size=20))
def test_any_bytes_raise_nothing_and_no_code_is_empty(pieces: list[tuple[int, bytes | str]]) -> None:
    for each in outcomes(LineDecoder(opened_at=START), pieces):
        assert reason_of(each) if isinstance(each, Lost) else raw_of(each)


STALL = st.integers(0, LONGEST // MS - 1)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.lists(CODE, min_size=1, max_size=4), st.sampled_from(ENDINGS), st.data())
def test_where_the_ending_is_known_no_stall_within_two_seconds_cuts_a_code(
    codes: list[bytes], ending: bytes, data: st.DataObject
) -> None:
    pieces: list[tuple[int, bytes | str]] = [(0, b"FIRST" + ending)]
    for code in codes:
        whole = code + ending
        cut = data.draw(st.integers(1, len(whole)))
        pieces += [(300, whole[:cut]), (data.draw(STALL), whole[cut:])]
    found = outcomes(LineDecoder(), pieces)
    assert [each.raw for each in found if isinstance(each, Code)] == [b"FIRST", *codes]
    assert len(found) == len(codes) + 1


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(
    st.lists(st.tuples(CODE, st.integers(300, 4000)), min_size=3, max_size=9),
    st.sampled_from(ENDINGS),
    st.sampled_from([b"", *ENDINGS]),
)
def test_whatever_a_scanner_is_set_to_all_it_gives_was_scanned_and_soon_nothing_is_lost(
    codes: list[tuple[bytes, int]], one: bytes, other: bytes
) -> None:
    scanned = [code for code, _ in codes]
    pieces: list[tuple[int, bytes | str]] = [(0, b"FIRST" + one)]
    pieces += [(wait, code + other) for code, wait in codes]
    found = outcomes(LineDecoder(), pieces)
    given_out = [each.raw for each in found if isinstance(each, Code)][1:]
    assert given_out == scanned[len(scanned) - len(given_out) :]  # the last ones, in order
    assert len(scanned) - len(given_out) <= HABIT
