"""Reads the reports of a HID POS scanner by its own descriptor: how makers order and size the fields differs.

A report goes in, its part of a code comes out: the bytes, the AIM identifier, and whether the next
report continues it. Nothing about any maker's layout stands here.
Source: HID Point of Sale Usage Tables 1.02, usage page 0x8C.
"""

from __future__ import annotations

from collections.abc import Iterable

from pi_auto.client.capture.hid.descriptor import Descriptor, Field
from pi_auto.frozen import frozen

_PAGE = 0x8C
_DATA, _CONTINUED, _AIM = 0x8C00FE, 0x8C00FF, (0x8C00FB, 0x8C00FC, 0x8C00FD)
_BYTE_COUNT = 0x01003B  # of the page of generic desktop controls


class ReportError(Exception):
    """A report that contradicts itself; the message says how. `is_continued`: the next one may belong to it."""

    def __init__(self, message: str, *, is_continued: bool) -> None:
        super().__init__(message)
        self.is_continued = is_continued


@frozen
class PosPart:
    """What one report carries of a code."""

    aim: str | None
    octets: bytes
    is_continued: bool


@frozen
class _Place:
    offset: int  # bits behind the start of the data
    size: int
    values: int


@frozen
class _Layout:
    data: tuple[_Place, ...]  # whole bytes
    length: _Place | None
    aim: tuple[_Place, ...]
    continued: _Place | None


class PosReports:
    """The reports of one scanner that carry codes; `is_pos` is false if it has none."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._numbered = descriptor.numbered
        fields = [each for each in descriptor.fields if each.application >> 16 == _PAGE and each.variable]
        found = {
            number: _layout_of([each for each in fields if each.report == number])
            for number in {each.report for each in fields}
        }
        self._layouts = {number: layout for number, layout in found.items() if layout.data}
        self.is_pos = bool(self._layouts)

    def read(self, report: bytes) -> PosPart | None:
        """What a report carries; None if it is of another kind. Raises ReportError alone."""
        number, body = (report[0], report[1:]) if self._numbered and report else (0, report)
        layout = self._layouts.get(number)
        if layout is None or not report:
            return None
        return _part_of(layout, body)


def _layout_of(fields: list[Field]) -> _Layout:
    data = tuple(_data_of(each) for each in fields if _is_data(each))
    aim = tuple(place for usage in _AIM if (place := _place_of(usage, fields)))
    return _Layout(data, _place_of(_BYTE_COUNT, fields), aim, _place_of(_CONTINUED, fields))


def _place_of(usage: int, fields: list[Field]) -> _Place | None:
    """Where a usage stands: eight flags may have one usage, and then the first of them is meant."""
    found = ((each, each.place_of(usage)) for each in fields)
    return next(
        (
            _Place(each.offset + n * each.size, each.size, 1)
            for each, n in found
            if n is not None and each.size <= 32
        ),
        None,
    )


def _is_data(field: Field) -> bool:
    return field.place_of(_DATA) is not None and field.size == 8 and field.offset % 8 == 0


def _data_of(field: Field) -> _Place:
    """Where in a field the data stand: a descriptor may put identifiers and data in one, a usage each."""
    first = field.place_of(_DATA) or 0
    is_the_rest = field.usages[-1][1] == _DATA  # the last usage serves for all further values
    return _Place(field.offset + first * field.size, field.size, field.count - first if is_the_rest else 1)


def _part_of(layout: _Layout, body: bytes) -> PosPart:
    octets = b"".join(body[place.offset // 8 : place.offset // 8 + place.values] for place in layout.data)
    is_continued = layout.continued is not None and _value(body, layout.continued) != 0
    aim = bytes(_value(body, place) & 0xFF for place in layout.aim)
    return PosPart(_aim(aim), _cut(layout, body, octets, is_continued=is_continued), is_continued)


def _cut(layout: _Layout, body: bytes, octets: bytes, *, is_continued: bool) -> bytes:
    """The bytes that count: as many as the report says, or all but the padding where it says nothing."""
    if layout.length is None:
        return octets if is_continued else octets.rstrip(b"\0")
    length = _value(body, layout.length)
    if length <= len(octets):
        return octets[:length]
    if is_continued and len(octets) == _capacity(layout.data):
        return octets  # some tell the length of all that is still to come
    raise ReportError(
        f"a report says that it carries {length} bytes, and has {len(octets)}",
        is_continued=is_continued or not _is_within(body, layout.continued),
    )


def _capacity(places: Iterable[_Place]) -> int:
    return sum(place.values for place in places)


def _is_within(body: bytes, place: _Place | None) -> bool:
    return place is None or place.offset < 8 * len(body)


def _value(body: bytes, place: _Place) -> int:
    """A number out of a report; of what a short report leaves out, nothing but noughts."""
    first, last = place.offset // 8, (place.offset + place.size + 7) // 8
    number = int.from_bytes(body[first:last], "little")
    return number >> place.offset % 8 & (1 << place.size) - 1


def _aim(octets: bytes) -> str | None:
    """`]`, a letter and a modifier; scanners that do not tell send noughts."""
    is_whole = len(octets) == len(_AIM) and octets[:1] == b"]" and octets.isascii()
    text = octets.decode("ascii") if is_whole else ""
    return text if text.isprintable() and text else None
