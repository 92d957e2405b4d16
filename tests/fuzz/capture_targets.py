"""What scanners send: whatever comes nothing is raised, and what is read does not depend on how it is cut."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fuzz.target import Target, hold, unless
from pi_auto.client.binding import likeness as binding_likeness
from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.diverting import Diverter
from pi_auto.client.capture.errors import RecordingError
from pi_auto.client.capture.evemu import read_recording, write_event
from pi_auto.client.capture.events import (
    EV_KEY,
    EV_SYN,
    SYN_DROPPED,
    SYN_REPORT,
    EventStream,
    Gap,
    InputEvent,
    Octets,
    pack_event,
)
from pi_auto.client.capture.hid.descriptor import DescriptorError, parse_descriptor
from pi_auto.client.capture.hid.joining import PosDecoder
from pi_auto.client.capture.hid.pos import PosReports, ReportError
from pi_auto.client.capture.keys.layout import NAMES, Layout, load
from pi_auto.client.capture.meaning.meaning import meaning_of
from pi_auto.client.capture.octets import as_text
from pi_auto.client.capture.serial.lines import LineDecoder
from pi_auto.client.capture.sources.source import Decoding
from pi_auto.client.wifi import likeness
from pi_auto.client.wifi.code import NotReadable, parse
from pi_auto.client.wifi.profile import profile_of
from pi_auto.wire.binding import BindingCode, is_binding_code
from pi_auto.wire.errors import FieldError
from pi_auto.wire.scan import MOST_BYTES
from support.hid import HONEYWELL, IBM_HAND_HELD, KEYBOARD, NEWLAND, NO_LENGTH, honeywell, newland

MS = 1_000_000
_STEPS = (0, 1, 5, 40, 120, 260, 1_100, 2_500)


def descriptor(octets: bytes) -> None:
    """A descriptor is refused or its fields lie within what a report may be; its reports are read or refused."""
    found = unless(DescriptorError)(parse_descriptor, octets)
    if not found:
        return
    for field in found.fields:
        hold(field.size > 0 and field.count > 0, "an empty field", field)
        hold(field.offset + field.size * field.count <= 16_384 * 8, "a field beyond its report", field)
        for first, last in field.usages:
            hold(first <= last, "usages that end before they begin", field)
            place = field.place_of(last)
            hold(place is None or place < field.count, "a place beyond the field", field)
    reports = PosReports(found)
    for report in (b"", b"\2", octets, bytes(64), b"\2" + b"\xff" * 63):
        part = unless(ReportError)(reports.read, report)
        if part:
            hold(len(part.octets) <= len(report), "more than the report holds", part)


_REPORTS = tuple(PosReports(parse_descriptor(each)) for each in (HONEYWELL, NEWLAND, NO_LENGTH))


def pos(octets: bytes) -> None:
    """Reports of HID POS: by the first byte the scanner, then a byte of time and 63 of a report each."""
    if not octets:
        return
    decoder = PosDecoder(_REPORTS[octets[0] % 3], opened_at=0 if octets[0] & 128 else None)
    _feed(decoder, ((octets[at] % 8, octets[at + 1 : at + 65]) for at in range(1, len(octets), 65)))


def line(octets: bytes) -> None:
    """A serial line, cut at each 0xFE, behind which a byte says how long nothing came.

    What was cut without a pause reads as if it had come at once.
    """
    parts = [
        (each[0] % 8 if number and each else 0, each[1:] if number else each)
        for number, each in enumerate(octets.split(b"\xfe"))
    ]
    parts = [(pause, piece) for pause, piece in parts if piece]
    found = _feed(LineDecoder(), iter(parts))
    if b"\n" in octets and b"\r" in octets:
        return  # a scanner that is set from LF to CRLF, or back, within a read: which it is no bytes tell
    joined: list[tuple[int, bytes]] = []
    for pause, piece in parts:
        if joined and pause == 0:
            joined[-1] = joined[-1][0], joined[-1][1] + piece
        else:
            joined.append((pause, piece))
    again = _feed(LineDecoder(), iter(joined))
    hold(_texts(found) == _texts(again), "it depends on how the bytes are cut", _texts(found), _texts(again))


def _texts(outcomes: list[Outcome]) -> list[object]:
    return [each.text if isinstance(each, Code) else type(each) for each in outcomes]


def _feed(decoder: Decoding, parts: Iterator[tuple[int, bytes]]) -> list[Outcome]:
    """Feed them, each so many steps after the one before, looking what silence has ended as capture does."""
    time, found, diverter = 10_000 * MS, list[Outcome](), Diverter()
    for step, piece in parts:
        time += _STEPS[step] * MS
        while (due := decoder.overdue_at()) is not None and due <= time:
            found += decoder.close_overdue(due)
            later = decoder.overdue_at()
            hold(later is None or later > due, "silence that is over ends nothing", due, later)
        found += decoder.feed(Gap(time, "a gap") if piece == b"\0GAP" else Octets(time, piece))
    found += decoder.finish()
    hold(decoder.overdue_at() is None or not _is_open(decoder), "something is open at the end")
    for outcome in found:
        _check(outcome)
        diverter.divert(outcome)
    return found


def _is_open(decoder: Decoding) -> bool:
    return bool(getattr(decoder, "_open", None))


def _check(outcome: Outcome) -> None:
    if isinstance(outcome, Code):
        hold(0 < len(outcome.raw) <= MOST_BYTES and outcome.text, "a code of a wrong length", outcome)


@cache
def _layout(name: str) -> Layout:
    return load(name)


def keys(octets: bytes) -> None:
    """Keys by all layouts: two bytes an event, of time and value, and the key.

    However the kernel's bytes come apart, the events are the same; a decoder that goes on from another's memory
    reads on as that would have.
    """
    if len(octets) < 3:
        return
    name = NAMES[octets[0] % len(NAMES)]
    events, time = list[InputEvent](), 10_000 * MS
    for at in range(2, len(octets) - 1, 2):
        how, code = octets[at], octets[at + 1]
        time += _STEPS[how & 7] * MS
        if how & 0x70 == 0x70:
            events.append(InputEvent(time, EV_SYN, (SYN_DROPPED, SYN_REPORT, 1)[code % 3], 0))
        else:
            events.append(InputEvent(time, EV_KEY, code, (how >> 3) % 3 if how & 8 else 1))
    packed, stream = b"".join(pack_event(*event) for event in events), EventStream()
    cut = octets[1] * 7 % (len(packed) + 1)
    hold(stream.feed(packed[:cut]) + stream.feed(packed[cut:]) == events, "the kernel's bytes read otherwise")
    calibratable = bool(octets[1] & 128)
    plain = Decoder(_layout(name), calibratable=calibratable)
    handed = Decoder(_layout(name), calibratable=calibratable)
    found, other = list[Outcome](), list[Outcome]()
    for event in events:
        found += _one(plain, event)
        if handed.is_at_rest:
            following = Decoder(_layout(name), handed.habits, calibratable=calibratable)
            following.recall(json.loads(json.dumps(handed.memory())))
            # How many codes of one character there were in a row is not handed over: one more is waited for then.
            following._pace._fragments = handed._pace._fragments
            handed = following
        other += _one(handed, event)
    hold(found == other, "handed over it reads on otherwise", found, other)
    for outcome in [*found, *plain.finish()]:
        if isinstance(outcome, Code):
            hold(
                0 < len(outcome.text) <= len(outcome.raw) <= MOST_BYTES and outcome.raw.decode(), "a code", outcome
            )
        else:
            hold(isinstance(outcome, Lost | Calibration), "what is it", outcome)


def _one(decoder: Decoder, event: InputEvent) -> list[Outcome]:
    found, last = list[Outcome](), None
    while (due := decoder.overdue_at()) is not None and due <= event.time and due != last:
        found, last = found + decoder.close_overdue(due), due
    return found + decoder.feed(event)


def meaning(octets: bytes) -> None:
    """What a code means: never an error; the GTIN is one; the code is text and identifier again."""
    text = as_text(octets)
    for aim in (None, "]d2", "]Q3", "]E3"):
        found = meaning_of(text, aim)
        hold((found.aim or "") + found.text == (aim or "") + text, "the code is another", text, found)
        hold(
            found.gtin is None or (len(found.gtin) == 14 and found.gtin.isascii() and found.gtin.isdigit()),
            "a GTIN",
            found,
        )
        hold(len(found.problems) <= 200 and len(found.elements) <= 100, "without bounds", found)
        json.dumps([dict(found.elements), found.problems])
        hold(found.aim is None or len(found.aim) <= 3, "an identifier", found)


def wifi(octets: bytes) -> None:
    """What can be read as a Wi-Fi code, or as one that binds, is never stored as a scan."""
    text = as_text(octets)
    network = unless(NotReadable)(parse, text)
    if network:
        hold(likeness.is_wifi(text), "a Wi-Fi code would be stored", text)
        hold(1 <= len(network.ssid) <= 32, "a name of a wrong length", network.ssid)
        profile_of(network, "0b8f3c1e-8f0e-4a53-9f37-0d6b8a3d0c11")
    for each in (likeness.is_whole, likeness.has_begun, likeness.may_be_a_tail, binding_likeness.is_whole):
        each(text)
    if is_binding_code(text):
        hold(binding_likeness.is_binding(text), "a binding code would be stored", text)
    unless(FieldError)(lambda: BindingCode.parse(binding_likeness.plain(text)))


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-evemu-")) / "recording"


def recording(octets: bytes) -> None:
    """A recording of evemu is refused, or its events are written and read again the same."""
    _file().write_bytes(octets)
    events = unless(RecordingError)(lambda: list(read_recording(_file())))
    if events:
        _file().write_text("".join(map(write_event, events)))
        hold(list(read_recording(_file())) == events, "written and read it is another", events)


def _keys(*codes: int) -> bytes:
    return bytes([0, 0]) + b"".join(bytes((1, code)) for code in codes)


_AI = b"0108053734093444\x1d10L1\x1d17291231"
TARGETS = (
    Target("capture.descriptor", descriptor, (HONEYWELL, NEWLAND, NO_LENGTH, KEYBOARD, IBM_HAND_HELD), 300),
    Target(
        "capture.pos",
        pos,
        (b"\0\1" + honeywell(b"4006381333931"), b"\1\1" + newland(b"abc", more=True) + b"\1" + newland(b"def")),
        400,
    ),
    Target(
        "capture.line",
        line,
        (b"4006381333931\r\n\xfe\5abc\r", b"a\xfe\4b\xfe\5c\r\xfe\0\nd", b"\2x\3\xfe\4\2y\3\xfe\4z"),
        120,
    ),
    Target(
        "capture.keys",
        keys,
        (
            _keys(79, 80, 81, 28),
            _keys(42, 30, 28) + b"\6\x1c",
            bytes((3, 128)) + bytes((1, 13, 1, 30, 1, 28)),
            _keys(56, 79, 80) + b"\x08\x38\1\x1c",
        ),
        160,
    ),
    Target(
        "capture.meaning",
        meaning,
        (
            _AI,
            b"(01)08053734093444(10)L1(3103)000195",
            b"https://id.gs1.org/01/08053734093444/10/L%201?17=291231",
            b"]C1" + _AI,
            b"4006381333931",
            b"40063813339315",
        ),
        200,
        (b"\x1d", b"(01)", b"8006", b"8026", b"253", b"4324", b"/414/", b"8008", b"7007", b"8030", b"%1D", b"]E4"),
    ),
    Target(
        "capture.wifi",
        wifi,
        (
            rb"WIFI:T:WPA;S:a\;b;P:12345678;H:true;;",
            b"PIAUTO:1/FXUEATBDJPWI3C/" + b"A" * 32 + b"/" + b"B" * 26 + b"//ABCD",
            b"wifi:S:x;T:nopass;;",
        ),
        160,
        (b"WIFI:", b"]Q1", b"T:SAE;", b"PIAUTO:1/", b"\x00"),
    ),
    Target(
        "capture.recording",
        recording,
        (b"# EVEMU 1.3\nN: x\nE: 0.000001 0001 001e 0001\t# x\nE: 0.000001 0000 0000 0000\n",),
        200,
        (b"E: ", b"\n", b"-2147483648"),
    ),
)
