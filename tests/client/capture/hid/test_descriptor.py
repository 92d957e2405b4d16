"""Report descriptors: read bit by bit; whatever they are, nothing but their own error is raised."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pi_auto.client.capture.hid.descriptor import DescriptorError, Field, parse_descriptor
from pi_auto.client.capture.hid.pos import PosReports, ReportError
from support.cases import HYPOTHESIS_CASES
from support.hid import HONEYWELL, IBM_HAND_HELD, IBM_TABLE_TOP, KEYBOARD, NEWLAND, NO_LENGTH, REM

ITEMS = st.lists(
    st.tuples(
        st.sampled_from(
            [0x04, 0x14, 0x74, 0x84, 0x94, 0xA4, 0xB4, 0x08, 0x18, 0x28, 0x80, 0x90, 0xB0, 0xA0, 0xC0]
        ),
        st.sampled_from([0, 1, 2, 3]),
        st.binary(min_size=4, max_size=4),
    ).map(lambda item: bytes([item[0] | item[1]]) + item[2][: (0, 1, 2, 4)[item[1]]]),
    max_size=60,
).map(b"".join)


def test_a_boot_keyboard_is_eight_flags_and_six_keys() -> None:
    keyboard = parse_descriptor(KEYBOARD)
    flags, keys = keyboard.fields
    assert flags == Field(0, 0x010006, ((0x0700E0, 0x0700E7),), 0, 1, 8, variable=True, logical_minimum=0)
    assert keys == Field(0, 0x010006, ((0x070000, 0x070065),), 16, 8, 6, variable=False, logical_minimum=0)
    assert (keyboard.numbered, keyboard.applications) == (False, (0x010006,))


def test_each_field_of_a_scanner_stands_where_its_maker_says() -> None:
    fields = parse_descriptor(HONEYWELL).fields
    places = [(hex(field.usage(0) or 0), field.offset // 8, field.size, field.count) for field in fields]
    assert places == [
        ("0x1003b", 0, 8, 1), ("0x8c00fb", 1, 8, 3), ("0x8c00fe", 4, 8, 56), ("0xff660004", 60, 8, 2),
        ("0x8c00ff", 62, 1, 8),
    ]  # fmt: skip
    assert {field.report for field in fields} == {2}


@pytest.mark.parametrize(
    ("descriptor", "applications"),
    [(IBM_HAND_HELD, (0xFF454B00,)), (IBM_TABLE_TOP, (0xFF454A00,)), (REM, (0xFF8C0002,)), (NEWLAND, (0x8C0002,))],
)
def test_what_a_device_is_stands_in_its_outermost_collections(
    descriptor: bytes, applications: tuple[int, ...]
) -> None:
    assert parse_descriptor(descriptor).applications == applications


def test_a_usage_belongs_to_the_page_that_holds_at_its_field_unless_it_names_one() -> None:
    """HID 1.11, 6.2.2.8."""
    octets = bytes.fromhex(
        "a101 0509 0901 0b020007 00 058c 7508 9502 8102 c0".replace("0b020007 00", "0b02000700")
    )
    (field,) = parse_descriptor(octets).fields
    assert [field.usage(place) for place in range(3)] == [0x8C0001, 0x070002, 0x070002]


def test_what_was_pushed_is_popped() -> None:
    fields = parse_descriptor(bytes.fromhex("0501 7508 9501 a4 7504 9503 0930 8102 b4 0931 8102")).fields
    assert [(field.offset, field.size, field.count) for field in fields] == [(0, 4, 3), (12, 8, 1)]


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        ("05", "byte 0: the item is cut off"),
        ("0501 27ffff", "byte 2: the item is cut off"),
        ("c0", "a collection ends"),
        ("b4", "popped"),
        ("8500", "report id 0; allowed: 1 to 255"),
        ("2905", "a usage maximum without a minimum"),
        ("1905 2904", "usages from 0x5 to 0x4"),
        ("7520 97ffffffff 8102", "longer than"),
        ("a101" * 65, "more than 64 collections"),
        ("a4" * 65, "more than 64 states"),
        ("00" * 4097, "4097 bytes; allowed: 4096"),
    ],
)
def test_what_is_no_descriptor_is_refused_with_the_reason(octets: str, says: str) -> None:
    with pytest.raises(DescriptorError, match=says):
        parse_descriptor(bytes.fromhex(octets))


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.one_of(st.binary(max_size=200), ITEMS), st.binary(max_size=70))
@example(bytes.fromhex("058c a101 1b00000000 2bffffffff 7508 9540 8102 c0"), b"\2" * 64)
def test_any_bytes_are_read_or_refused(octets: bytes, report: bytes) -> None:
    try:
        reports = PosReports(parse_descriptor(octets))
    except DescriptorError:
        return
    try:
        part = reports.read(report)
    except ReportError:
        return
    assert part is None or len(part.octets) <= len(report)


@settings(max_examples=HYPOTHESIS_CASES, deadline=None)
@given(st.sampled_from([HONEYWELL, NEWLAND, NO_LENGTH]), st.integers(0, 200), st.integers(0, 255))
def test_a_descriptor_with_one_wrong_byte_is_read_or_refused(descriptor: bytes, place: int, octet: int) -> None:
    spoilt = bytearray(descriptor)
    spoilt[place % len(spoilt)] = octet
    with suppress(DescriptorError, ReportError):
        part = PosReports(parse_descriptor(bytes(spoilt))).read(b"\2" * 64)
        assert part is None or len(part.octets) <= 64
