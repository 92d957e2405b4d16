"""Recordings of input devices in the text format of evemu, read and written a line at a time.

    N: <name>                                    I: <bus> <vendor> <product> <version>      (hex)
    P: <property bytes>                          B: <event type> <bytes of its key bits>    (hex)
    E: <seconds>.<microseconds> <type> <code> <value>      (hex, hex, decimal; a comment may follow)

Source: evemu 2.7, `evemu_read` and `evemu_write_event`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pi_auto.client.capture.errors import RecordingError
from pi_auto.client.capture.events import EV_KEY, EV_MSC, EV_SYN, SYN_REPORT, InputEvent
from pi_auto.wire.errors import shown

_MOST_LINE = 4096
_EVENT = re.compile(r"E: (\d{1,10})\.(\d{6}) ([0-9a-fA-F]{1,4}) ([0-9a-fA-F]{1,4}) (-?\d{1,10})\s*(#.*)?\Z")
_OTHER = re.compile(r"([NIPBALS]: ?.*|#.*|\s*)\Z")  # a description of the device, a comment, an empty line
_ALLOWED = (
    "`E: <seconds>.<6 digits> <type, hex> <code, hex> <value>`, "
    "a line of N:, I:, P:, B:, A:, L: or S:, or a # comment"
)
_TYPE_NAMES = {EV_SYN: "EV_SYN", EV_KEY: "EV_KEY", EV_MSC: "EV_MSC"}


@dataclass(frozen=True, slots=True)
class Description:
    """What a recording says of its device: name, bus/vendor/product/version, properties, event bits by type."""

    name: str
    ids: tuple[int, int, int, int] = (0, 0, 0, 0)
    properties: bytes = b""
    bits: dict[int, bytes] = field(default_factory=dict)


def read_recording(path: Path) -> Iterator[InputEvent]:
    """The events of a recording, with its own times in nanoseconds.

    Raises RecordingError where the file stops being a recording; what was whole before has come out by then.
    """
    try:
        with path.open("rb") as file:
            yield from _Reading(path).events(file)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error


def write_description(device: Description) -> str:
    """The head of a recording."""
    lines = ["# EVEMU 1.3", f"N: {device.name}", "I: " + " ".join(f"{number:04x}" for number in device.ids)]
    lines += [f"P: {octets}" for octets in _rows(device.properties)]
    lines += [f"B: {kind:02x} {octets}" for kind, bits in device.bits.items() for octets in _rows(bits)]
    return "\n".join(lines) + "\n"


def write_event(event: InputEvent) -> str:
    """The line of an event."""
    seconds, micro = divmod(event.time // 1000, 1_000_000)
    comment = _TYPE_NAMES.get(event.type, f"type {event.type}")
    return f"E: {seconds}.{micro:06d} {event.type:04x} {event.code:04x} {event.value:04d}\t# {comment}\n"


class _Reading:
    """Takes one file apart and knows where in it it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line = 0

    def events(self, file: BinaryIO) -> Iterator[InputEvent]:
        last = None
        while octets := file.readline(_MOST_LINE):
            self._line += 1
            if not octets.endswith(b"\n"):
                raise self._wrong(octets, "a whole line with its line end: the recording is cut off")
            event = self._parse(octets)
            if event:
                last = event
                yield event
        if not self._line:
            raise RecordingError(f"{self._path} is empty; allowed: a recording in evemu's format")
        if last and (last.type, last.code) != (EV_SYN, SYN_REPORT):
            raise RecordingError(
                f"{self._path} ends at line {self._line} in the middle of a report; "
                "allowed: reports that each end with SYN_REPORT (`E: … 0000 0000 0`)"
            )

    def _parse(self, octets: bytes) -> InputEvent | None:
        line = octets.decode("utf-8", "replace").rstrip("\r\n")
        match = _EVENT.match(line)
        if match:
            seconds, micro, kind, code, value = match.groups()[:5]
            if -(2**31) <= int(value) < 2**31:
                time = (int(seconds) * 1_000_000 + int(micro)) * 1000
                return InputEvent(time, int(kind, 16), int(code, 16), int(value))
        elif _OTHER.match(line):
            return None
        raise self._wrong(octets, _ALLOWED)

    def _wrong(self, octets: bytes, allowed: str) -> RecordingError:
        line = octets.decode("utf-8", "replace").rstrip("\r\n")
        return RecordingError(f"{self._path} line {self._line} is {shown(line)}; allowed: {allowed}")


def _rows(octets: bytes) -> list[str]:
    return [octets[at : at + 8].ljust(8, b"\0").hex(" ") for at in range(0, len(octets), 8)]
