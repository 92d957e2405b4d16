"""Whatever comes, nothing is raised, and what is stored is what came. Random keys: keys/test_hostile_keys.py."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from pi_auto.client.capture.codes import Outcome
from pi_auto.client.capture.diverting import Diverter, FleetCode, WifiCode
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.capture.events import Gap, Octets
from pi_auto.client.capture.hid.descriptor import parse_descriptor
from pi_auto.client.capture.hid.joining import PosDecoder
from pi_auto.client.capture.hid.pos import PosReports
from pi_auto.client.capture.interpreting import interpreted
from pi_auto.client.capture.keys.layout import US
from pi_auto.client.capture.serial.lines import LineDecoder
from pi_auto.client.capture.sources.source import Decoding
from pi_auto.client.clock import boottime_ns
from pi_auto.simulator.wedge import Numbers, Wedge
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Incident, Scan
from support.captures import Bench
from support.cases import CASES
from support.hid import HONEYWELL, NEWLAND, NO_LENGTH, honeywell_reports, newland_reports
from support.keys import MS, START
from support.records import SCANNER, SPOOL, stamp
from support.spools import held, texts

MOST_BYTES = 8192
HOSTILE = [
    "'; DROP TABLE scans; --",
    '" OR "1"="1',
    "$(reboot) `reboot` | reboot; reboot & reboot",
    "../../../etc/passwd",
    "%s%n%x{0}{self}",
    "a\0b",
    "\x1b[2J\x1b]0;forged\x07",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\x01\x02\x03\x04\x1c\x1d\x1e\x1f\x7f",
    "\u202e\ufeff\ufffe",
]


@pytest.mark.parametrize("numbers", [Numbers.ALT, Numbers.HEX])
def test_what_means_something_to_shells_books_or_terminals_is_typed_stored_and_does_nothing(
    bench: Bench, numbers: Numbers
) -> None:
    with bench.capture() as capture:
        for number, text in enumerate(HOSTILE):
            bench.fifo.send(Wedge(US, numbers, ctrl=numbers is Numbers.ALT).events(text, boottime_ns()))
            capture.wait_for_scans(number + 1)
        assert capture.stop() == 0
    assert [scan.raw for scan in held(bench.folder) if isinstance(scan, Scan)] == [
        text.encode() for text in HOSTILE
    ]
    assert texts(held(bench.folder)) == HOSTILE
    assert not set(capture.log.read_text()) & set(map(chr, (*range(10), *range(11, 32), 127)))


REPORTS = {layout: PosReports(parse_descriptor(layout)) for layout in (HONEYWELL, NEWLAND, NO_LENGTH)}
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x02",
    b"\x03",
    b"\0",
    b"\x1d",
    b"\xff\xfe",
    b"WIFI:S:x;P:",
    b";;",
    b"]C1",
]


def some_bytes(chance: random.Random, most: int) -> bytes:
    if chance.random() < 0.5:
        return b"".join(chance.choices([*PIECES, b"4006381333931"], k=chance.randrange(6)))
    return chance.randbytes(chance.randrange(most))


def of_a_line(chance: random.Random) -> tuple[Decoding, list[bytes]]:
    """A serial scanner, and what comes of its line."""
    parts = [some_bytes(chance, 40) for _ in range(chance.randrange(12))]
    return LineDecoder(opened_at=chance.choice((None, START))), parts


def of_reports(chance: random.Random) -> tuple[Decoding, list[bytes]]:
    """A HID POS scanner, and its reports: good ones, cut ones, and none at all."""
    layout = chance.choice(list(REPORTS))
    parts = list[bytes]()
    for _ in range(chance.randrange(4)):
        cut = chance.choice((honeywell_reports, newland_reports))
        parts += cut(some_bytes(chance, 130) or b"x")
        parts.append(chance.randbytes(chance.choice((0, 1, 10, 63, 64, 65))))
    chance.shuffle(parts)
    return PosDecoder(REPORTS[layout], opened_at=chance.choice((None, START))), parts


def fed(decoder: Decoding, parts: list[bytes], chance: random.Random) -> list[Outcome]:
    outcomes, now = list[Outcome](), START
    for part in parts:
        now += chance.choice((0, MS, 20 * MS, 150 * MS, 3_000 * MS))
        due = decoder.overdue_at()
        if due is not None and due <= now and chance.random() < 0.8:
            outcomes += decoder.close_overdue(due)
        outcomes += decoder.feed(Gap(now, "may be missing") if chance.random() < 0.05 else Octets(now, part))
    return [*outcomes, *(decoder.cut_off("unplugged", now) if chance.random() < 0.5 else decoder.finish())]


@pytest.mark.parametrize("source", [of_a_line, of_reports])
def test_no_bytes_whatever_of_any_source_raise_on_their_way_to_a_record(
    source: Callable[[random.Random], tuple[Decoding, list[bytes]]],
) -> None:
    """From the decoder to the record that the server takes."""
    for seed in range(CASES):
        chance = random.Random(seed)
        drafter, diverter = Drafter(SCANNER, lambda: NOW), Diverter()
        for outcome in fed(*source(chance), chance):
            scanned = diverter.divert(outcome)
            if isinstance(scanned, WifiCode | FleetCode):
                continue
            record = interpreted(drafter.draft(scanned)).at(Position(SPOOL, 1))
            assert type(record).from_json(record.to_json()) == record, seed
            assert is_whole(record), seed


NOW = replace(stamp(), boottime_ns=10**15)


def is_whole(record: Scan | Incident) -> bool:
    return 0 < len(record.raw) <= MOST_BYTES if isinstance(record, Scan) else bool(record.reason)
