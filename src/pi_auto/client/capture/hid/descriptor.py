"""Reads a HID report descriptor: which value of which report means what, bit by bit.

Bytes of a device go in, whatever they are; its input fields come out, or DescriptorError. Work and
memory are bounded. Source: Device Class Definition for HID 1.11, section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from pi_auto.frozen import frozen, replace

MOST_BYTES = 4096  # HID_MAX_DESCRIPTOR_SIZE of Linux
_MOST_DEEP = 64  # collections within one another, and pushed states
_MOST_REPORT_BITS = 16_384 * 8  # HID_MAX_BUFFER_SIZE of Linux
_LONG_ITEM = 0xFE

# Tag and type of an item, its size left out.
_INPUT, _OUTPUT, _FEATURE, _COLLECTION, _END_COLLECTION = 0x80, 0x90, 0xB0, 0xA0, 0xC0
_USAGE_PAGE, _LOGICAL_MINIMUM, _REPORT_SIZE, _REPORT_ID, _REPORT_COUNT = 0x04, 0x14, 0x74, 0x84, 0x94
_PUSH, _POP, _USAGE, _USAGE_MINIMUM, _USAGE_MAXIMUM = 0xA4, 0xB4, 0x08, 0x18, 0x28
_CONSTANT, _VARIABLE = 0x01, 0x02  # bits of an input item
_APPLICATION = 0x01  # of a collection


class DescriptorError(Exception):
    """Bytes that are no report descriptor; the message says where and why."""


@frozen
class Field:
    """`count` values of `size` bits each, the first of them `offset` bits behind the start of the report's data.

    A usage is its page and its number, as 0xPPPPNNNN; `application` is that of the collection around it. Of
    variable fields each value has a usage of its own, of others a value says which usage is meant.
    """

    report: int  # 0 where a device does not number its reports
    application: int
    usages: tuple[tuple[int, int], ...]  # first and last of each run
    offset: int
    size: int
    count: int
    variable: bool
    logical_minimum: int

    def usage(self, place: int) -> int | None:
        """The usage of one value, counted from 0; the last usage serves for all further values."""
        for first, last in self.usages:
            if place <= last - first:
                return first + place
            place -= last - first + 1
        return self.usages[-1][1] if self.usages else None

    def place_of(self, usage: int) -> int | None:
        """Which value has a usage, counted from 0; of several the first, and None if none has."""
        place = 0
        for first, last in self.usages:
            if first <= usage <= last:
                place += usage - first
                return place if place < self.count else None
            place += last - first + 1
        return None


@frozen
class Descriptor:
    """The input fields of a device. `numbered`: each report begins with a byte that is its number."""

    fields: tuple[Field, ...]
    numbered: bool
    applications: tuple[int, ...]  # of the outermost collections


@frozen
class _Globals:
    page: int = 0
    logical_minimum: int = 0
    size: int = 0
    count: int = 0
    report: int = 0


_GLOBALS = {
    _USAGE_PAGE: "page", _LOGICAL_MINIMUM: "logical_minimum", _REPORT_SIZE: "size", _REPORT_COUNT: "count",
    _REPORT_ID: "report",
}  # fmt: skip


def parse_descriptor(octets: bytes) -> Descriptor:
    """What the bytes of a report descriptor say of input reports. Raises DescriptorError alone."""
    if len(octets) > MOST_BYTES:
        raise DescriptorError(f"{len(octets)} bytes; allowed: {MOST_BYTES}")
    parser = _Parser()
    for place, kind, value, size in _items(octets):
        try:
            parser.take(kind, value, size)
        except DescriptorError as error:
            raise DescriptorError(f"byte {place}: {error}") from None
    return Descriptor(tuple(parser.fields), parser.numbered, tuple(parser.applications))


def _items(octets: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Place, kind, value and size in bytes of each item; long items, of which none are defined, are left out."""
    place = 0
    while place < len(octets):
        prefix = octets[place]
        if prefix == _LONG_ITEM:
            place += 3 + (octets[place + 1] if place + 1 < len(octets) else 0)
            continue
        size = (0, 1, 2, 4)[prefix & 0x03]
        data = octets[place + 1 : place + 1 + size]
        if len(data) < size:
            raise DescriptorError(f"byte {place}: the item is cut off")
        yield place, prefix & 0xFC, int.from_bytes(data, "little"), size
        place += 1 + size


class _Parser:
    """What the items so far have said."""

    def __init__(self) -> None:
        self._state = _Globals()
        self._pushed: list[_Globals] = []
        self._collections: list[int | None] = []  # the usage of an application, else None
        self._usages: list[tuple[int, int, bool]] = []  # first, last, with its own page
        self._minimum: tuple[int, bool] | None = None
        self._bits: dict[int, int] = {}  # how long each input report is so far
        self.fields: list[Field] = []
        self.numbered = False
        self.applications: list[int] = []

    def take(self, kind: int, value: int, size: int) -> None:
        """The next item. Raises DescriptorError."""
        if kind in (_INPUT, _OUTPUT, _FEATURE):
            if kind == _INPUT:
                self._add_field(value)
            self._forget_locals()
        elif kind == _COLLECTION:
            self._open_collection(value)
        elif kind == _END_COLLECTION:
            if not self._collections:
                raise DescriptorError("a collection ends that has not begun")
            self._collections.pop()
            self._forget_locals()
        elif kind in (_USAGE, _USAGE_MINIMUM, _USAGE_MAXIMUM):
            self._take_usage(kind, value, whole=size == 4)
        else:
            self._take_global(kind, value, size)

    def _take_global(self, kind: int, value: int, size: int) -> None:
        if kind == _LOGICAL_MINIMUM:
            sign = 1 << 8 * size - 1 if size else 0
            value -= 2 * (value & sign)
        if kind == _REPORT_ID:
            if not 1 <= value <= 255:
                raise DescriptorError(f"report id {value}; allowed: 1 to 255")
            self.numbered = True
        if kind in _GLOBALS:
            self._state = replace(self._state, **{_GLOBALS[kind]: value})
        elif kind == _PUSH:
            if len(self._pushed) == _MOST_DEEP:
                raise DescriptorError(f"more than {_MOST_DEEP} states are pushed")
            self._pushed.append(self._state)
        elif kind == _POP:
            if not self._pushed:
                raise DescriptorError("a state is popped that was not pushed")
            self._state = self._pushed.pop()

    def _take_usage(self, kind: int, value: int, *, whole: bool) -> None:
        if kind == _USAGE_MINIMUM:
            self._minimum = value, whole
            return
        first, of_minimum = value, whole
        if kind == _USAGE_MAXIMUM:
            if self._minimum is None:
                raise DescriptorError("a usage maximum without a minimum")
            first, of_minimum = self._minimum
            self._minimum = None
        if first > value:
            raise DescriptorError(f"usages from {first:#x} to {value:#x}")
        self._usages.append((first, value, whole or of_minimum))

    def _open_collection(self, kind: int) -> None:
        if len(self._collections) == _MOST_DEEP:
            raise DescriptorError(f"more than {_MOST_DEEP} collections within one another")
        usages = self._resolved()
        application = usages[0][0] if usages and kind == _APPLICATION else None
        self._collections.append(application)
        if application is not None and self._collections.count(None) == len(self._collections) - 1:
            self.applications.append(application)
        self._forget_locals()

    def _add_field(self, flags: int) -> None:
        state = self._state
        offset = self._bits.get(state.report, 0)
        length = state.size * state.count
        if offset + length > _MOST_REPORT_BITS:
            raise DescriptorError(f"report {state.report} is longer than {_MOST_REPORT_BITS // 8} bytes")
        self._bits[state.report] = offset + length
        if flags & _CONSTANT or not length:
            return  # padding
        application = next((usage for usage in self._collections if usage is not None), 0)
        usages, variable = tuple(self._resolved()), bool(flags & _VARIABLE)
        field_ = Field(
            state.report, application, usages, offset, state.size, state.count, variable, state.logical_minimum
        )
        self.fields.append(field_)

    def _resolved(self) -> list[tuple[int, int]]:
        """The usages given so far; one without a page of its own belongs to the page that holds now (6.2.2.8)."""
        page = (self._state.page & 0xFFFF) << 16
        return [(first, last) if whole else (page | first, page | last) for first, last, whole in self._usages]

    def _forget_locals(self) -> None:
        self._usages.clear()
        self._minimum = None
