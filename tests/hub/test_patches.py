from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_auto.hub.patches import MOST_BYTES, RefusedPatchError, dump, merge, parse_patch, replacing
from pi_auto.wire.twin import Section, merged

MERGES: list[tuple[Section, Section, Section]] = [
    ({}, {}, {}),
    ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    ({"a": 1}, {"a": 2}, {"a": 2}),
    ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    ({}, {"a": None}, {}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"c": 2, "d": 3}}),
    ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
    ({"a": 1}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
    ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
]


@pytest.mark.parametrize(("section", "patch", "merged"), MERGES)
def test_a_patch_merges_as_rfc_7396_says(section: Section, patch: Section, merged: Section) -> None:
    before = json.dumps(section)
    assert json.loads(merge(section, patch)) == merged
    assert json.dumps(section) == before


SECTIONS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 2) | inner),
)


@given(SECTIONS, SECTIONS)
def test_a_section_that_is_replaced_can_be_told_as_a_patch(before: Section, after: Section) -> None:
    known = merged({}, before)
    assert merged(known, replacing(known, after)) == merged({}, after)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


REFUSED = {
    "no JSON": b"{",
    "not UTF-8": b'{"a":"\xff"}',
    "empty": b"",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "a float beyond all bounds": b'{"a":1e999}',
    "a whole number beyond Azure's": b'{"a":4503599627370496}',
    "a negative one": b'{"a":-4503599627370497}',
    "a digit bomb": b'{"a":' + b"9" * 5000 + b"}",
    "eleven deep": nested(11),
    "a nesting bomb": b'{"a":' + b"[" * 100_000,
    "a deep list": b'{"a":' + b"[" * 10 + b"]" * 10 + b"}",
    "a long string": json.dumps({"a": "x" * 4097}).encode(),
    "a long string in UTF-8": json.dumps({"a": "é" * 2049}).encode(),
    "a long name": json.dumps({"n" * 1025: 1}).encode(),
    "a dot in a name": b'{"a.b":1}',
    "a dollar in a name": b'{"$version":1}',
    "a space in a name": b'{"a":{"b c":1}}',
    "a control character in a name": b'{"a":[{"b\\u0007":1}]}',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "half a surrogate pair in a name": b'{"\\ud800":1}',
    "a megabyte": b" " * 1024 * 1024 + b"{}",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_a_patch_that_azure_refuses_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedPatchError):
        parse_patch(body)


TAKEN = {
    "ten deep": nested(10),
    "the largest whole number": b'{"a":4503599627370495,"b":-4503599627370496}',
    "a string of 4 KB": json.dumps({"a": "x" * 4096}).encode(),
    "nulls, flags and lists": b'{"a":null,"b":true,"c":[1,{"d":"x"}]}',
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN.keys())
def test_a_patch_within_the_limits_is_taken(body: bytes) -> None:
    assert parse_patch(body) == json.loads(body)


def test_a_section_holds_32_kilobytes_and_not_one_more() -> None:
    section: Section = {}
    for letter in "abcdefg":
        section = json.loads(merge(section, {letter: "x" * 4096}))
    rest = MOST_BYTES - len(dump(section | {"h": ""}))
    assert merge(section, {"h": "x" * rest})
    with pytest.raises(RefusedPatchError, match="32769 bytes"):
        merge(section, {"h": "x" * (rest + 1)})


@given(st.binary(max_size=200))
def test_random_bytes_are_a_patch_or_refused(body: bytes) -> None:
    with suppress(RefusedPatchError):
        assert isinstance(parse_patch(body), dict)
