"""Reports of HID POS scanners to codes: two makers' layouts, long codes, and every way to lose one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.hid.descriptor import parse_descriptor
from pi_auto.client.capture.hid.joining import REST, PosDecoder
from pi_auto.client.capture.hid.pos import PosReports
from support.cases import HYPOTHESIS_CASES
from support.hid import (
    DATA_BYTES,
    HONEYWELL,
    KEYBOARD,
    NEWLAND,
    NO_LENGTH,
    REM,
    honeywell,
    honeywell_reports,
    newland,
    newland_reports,
)
from support.keys import MS, START
from support.outcomes import raw_of, reason_of

EAN = b"4006381333931"
SIXTY = b"M1GATHERGOOD/MICHAEL YABCDEF LHRDURAK 3542 052Y003D23  100 "
SIXTY = SIXTY + b"!" * (60 - len(SIXTY))


def decoder(descriptor: bytes, opened_at: int | None = None) -> PosDecoder:
    return PosDecoder(PosReports(parse_descriptor(descriptor)), opened_at=opened_at)


def outcomes(
    descriptor: bytes, *reports: bytes | str, opened_at: int | None = None, gap: int = MS
) -> list[Outcome]:
    """What reports a `gap` apart bring to light; a text stands for the word that reports may be missing."""
    joining = decoder(descriptor, opened_at)
    parts = [
        Gap(START + at * gap, each) if isinstance(each, str) else Octets(START + at * gap, each)
        for at, each in enumerate(reports)
    ]
    return [outcome for part in parts for outcome in joining.feed(part)] + joining.finish()


def said(found: list[Outcome]) -> list[str]:
    return [each.text if isinstance(each, Code) else f"lost: {reason_of(each)}" for each in found]


def test_a_code_in_one_report_with_its_aim_identifier() -> None:
    found = outcomes(HONEYWELL, honeywell(EAN, aim=b"]E0"))
    assert found == [Code(EAN.decode(), EAN, START, "]E0")]


def test_a_code_in_one_report_of_the_other_layout() -> None:
    assert outcomes(NEWLAND, newland(EAN)) == [Code(EAN.decode(), EAN, START, None)]


@pytest.mark.parametrize(
    ("descriptor", "reports"), [(HONEYWELL, honeywell_reports(SIXTY)), (NEWLAND, newland_reports(SIXTY))]
)
def test_a_60_byte_code_in_two_reports_is_one(descriptor: bytes, reports: list[bytes]) -> None:
    assert len(reports) == 2
    (code,) = outcomes(descriptor, *reports)
    assert isinstance(code, Code)
    assert (code.raw, code.time) == (SIXTY, START + MS)


def test_a_code_of_exactly_one_full_report_is_not_waited_on() -> None:
    full = b"x" * DATA_BYTES
    assert said(outcomes(HONEYWELL, honeywell(full), honeywell(EAN))) == [full.decode(), EAN.decode()]


def test_nul_and_control_characters_are_data_where_the_length_is_told() -> None:
    raw = b"\0a\x1d\x1b[2J\n\0"
    (code,) = outcomes(HONEYWELL, honeywell(raw))
    assert isinstance(code, Code)
    assert code.raw == raw


def test_identifiers_and_data_may_share_a_field() -> None:
    separate = bytes.fromhex("9503 09fb09fc09fd 8102 953d 09fe 820201")
    shared = bytes.fromhex("9540 09fb09fc09fd09fe 8102")
    assert separate in NO_LENGTH
    (code,) = outcomes(NO_LENGTH.replace(separate, shared), b"]C1" + EAN.ljust(61, b"\0"))
    assert isinstance(code, Code)
    assert (code.raw, code.aim) == (EAN, "]C1")


def test_without_a_length_the_padding_is_no_data() -> None:
    (code,) = outcomes(NO_LENGTH, b"]C1" + EAN.ljust(61, b"\0"))
    assert isinstance(code, Code)
    assert (code.raw, code.aim) == (EAN, "]C1")


@pytest.mark.parametrize("suffix", [b"\r", b"\n", b"\r\n"])
def test_a_suffix_is_kept_in_the_bytes_and_left_out_of_the_text(suffix: bytes) -> None:
    (code,) = outcomes(HONEYWELL, honeywell(EAN + suffix))
    assert isinstance(code, Code)
    assert (code.text, code.raw) == (EAN.decode(), EAN + suffix)


@pytest.mark.parametrize("empty", [b"", b"\r", b"\r\n"])
def test_a_report_without_a_code_is_no_scan(empty: bytes) -> None:
    assert outcomes(HONEYWELL, honeywell(empty)) == []


def test_text_is_utf_8_or_else_latin_1() -> None:
    found = outcomes(HONEYWELL, honeywell("é€漢😀".encode()), honeywell(b"caf\xe9"))
    assert said(found) == ["é€漢😀", "café"]
    assert [each.raw for each in found if isinstance(each, Code)] == ["é€漢😀".encode(), b"caf\xe9"]


@pytest.mark.parametrize("aim", [b"\0\0\0", b"xyz", b"]\xffz", b"]C\x01"])
def test_what_is_no_aim_identifier_is_none(aim: bytes) -> None:
    (code,) = outcomes(HONEYWELL, honeywell(EAN, aim=aim))
    assert isinstance(code, Code)
    assert code.aim is None


def test_reports_of_other_kinds_are_passed_over() -> None:
    assert outcomes(HONEYWELL, b"\x04" + b"\x07" * 63, b"", honeywell(EAN), b"\xfd\x01")[0] == Code(
        EAN.decode(), EAN, START + 2 * MS, "]Q1"
    )


def test_neither_a_keyboard_nor_answers_to_commands_are_read_as_codes() -> None:
    assert not PosReports(parse_descriptor(KEYBOARD)).is_pos
    assert not PosReports(parse_descriptor(REM)).is_pos
    assert PosReports(parse_descriptor(NEWLAND)).is_pos


LONG = honeywell_reports(b"0123456789" * 20)
LOSSES: dict[str, tuple[list[bytes | str], list[str]]] = {
    "the last report is missing": ([*LONG[:-1]], ["lost: the rest of this code did not come"]),
    "the last is missing, and another code comes": (
        [*LONG[:-1], honeywell(b"OTHER", aim=b"]C0"), honeywell(EAN)],
        ["lost: a report of another code came before the rest of this one", EAN.decode()],
    ),
    "reports may be missing within": (
        [*LONG[:2], "dropped", *LONG[2:], honeywell(EAN)], ["lost: dropped", EAN.decode()],
    ),
    "reports may be missing between codes": (
        [honeywell(b"A"), "dropped", honeywell(b"TAIL?"), honeywell(b"B")], ["A", "lost: dropped", "B"],
    ),
    "a length that cannot be": (
        [honeywell(b"x", length=57), honeywell(EAN)],
        ["lost: a report says that it carries 57 bytes, and has 56", EAN.decode()],
    ),
    "a report that was cut short": (
        [honeywell(EAN)[:10], honeywell(b"THE REST?"), honeywell(EAN)],
        ["lost: a report says that it carries 13 bytes, and has 5", EAN.decode()],
    ),
    "a report of a longer code that contradicts itself": (
        [LONG[0], honeywell(b"x" * 9, length=200, more=True)[:40], LONG[2], LONG[3], honeywell(EAN)],
        ["lost: a report says that it carries 200 bytes, and has 35", EAN.decode()],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOSSES)
def test_where_a_report_is_lost_the_code_is_and_the_next_is_whole(case: str) -> None:
    reports, expected = LOSSES[case]
    assert said(outcomes(HONEYWELL, *reports)) == expected


def test_some_makers_tell_the_length_of_all_that_is_to_come() -> None:
    reports = [newland(SIXTY[:DATA_BYTES], length=60, more=True), newland(SIXTY[DATA_BYTES:])]
    assert said(outcomes(NEWLAND, *reports)) == [SIXTY.decode()]


def test_a_rest_that_does_not_come_in_time_is_given_up() -> None:
    joining = decoder(HONEYWELL)
    assert joining.feed(Octets(START, LONG[0])) == []
    assert joining.overdue_at() == START + REST
    assert joining.close_overdue(START + REST - 1) == []
    (lost,) = joining.close_overdue(START + REST)
    assert lost == Lost("the rest of this code did not come within 0.2 s", START + REST)
    assert joining.overdue_at() is None
    assert said(joining.feed(Octets(START + REST + MS, honeywell(EAN)))) == [EAN.decode()]


def test_after_a_loss_silence_ends_what_is_passed_over() -> None:
    joining = decoder(HONEYWELL)
    joining.feed(Gap(START, "dropped"))
    assert joining.overdue_at() == START + REST
    assert joining.close_overdue(START + REST) == []
    assert said(joining.feed(Octets(START + REST, honeywell(EAN)))) == [EAN.decode()]


def test_reports_that_were_read_late_still_belong_to_their_code() -> None:
    """As by a reader that was frozen: they have waited in the kernel's queue, and none was dropped."""
    first, second = honeywell_reports(SIXTY)
    joining = decoder(HONEYWELL)
    joining.feed(Octets(START, first))
    assert said(joining.feed(Octets(START + 5 * REST, second))) == [SIXTY.decode()]


def test_a_code_longer_than_8_kb_is_lost_and_takes_no_memory() -> None:
    endless = [honeywell(b"x" * DATA_BYTES, more=True)] * 2000
    found = said(outcomes(HONEYWELL, *endless, honeywell(b"END"), honeywell(EAN)))
    assert found == ["lost: the code is longer than 8192 bytes", EAN.decode()]


def test_what_comes_right_after_opening_may_lack_its_beginning() -> None:
    found = outcomes(HONEYWELL, *LONG[2:], honeywell(EAN), opened_at=START - 20 * MS)
    assert said(found) == [
        "lost: the scanner was opened in the middle of this code, or just before it",
        EAN.decode(),
    ]
    assert said(outcomes(HONEYWELL, honeywell(EAN), opened_at=START - 150 * MS)) == [EAN.decode()]


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=300).filter(lambda code: code.strip(b"\r\n")), max_size=4))
def test_any_codes_come_back_byte_for_byte(codes: list[bytes]) -> None:
    reports = [report for code in codes for report in honeywell_reports(code)]
    found = outcomes(HONEYWELL, *reports)
    assert [each.raw for each in found if isinstance(each, Code)] == codes
    assert len(found) == len(codes)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=70), st.just("gap"), st.sampled_from(LONG)), max_size=20),
    st.sampled_from([HONEYWELL, NEWLAND, NO_LENGTH]),
)
def test_any_reports_raise_nothing(reports: list[bytes | str], descriptor: bytes) -> None:
    for each in outcomes(descriptor, *reports):
        assert reason_of(each) if isinstance(each, Lost) else raw_of(each)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.integers(0, 3), st.integers(2, 10))
def test_whichever_report_is_missing_no_part_is_taken_for_a_code(missing: int, length: int) -> None:
    """Of three codes a report is missing, and whoever reads knows where: what comes out was scanned like that."""
    codes = [b"%d" % n * 40 * length for n in range(3)]
    reports: list[bytes | str] = [report for code in codes for report in honeywell_reports(code)]
    reports[missing] = "dropped"
    found = outcomes(HONEYWELL, *reports)
    assert [each.raw for each in found if isinstance(each, Code) and each.raw not in codes] == []
    assert any(isinstance(each, Lost) for each in found)
