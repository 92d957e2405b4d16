"""What real scanners were seen to type, as far as it was published; each recording says where."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from pi_auto.client.capture.codes import Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import EV_KEY, PRESSED, RELEASED, InputEvent
from pi_auto.client.capture.keys.boot import BootReports
from pi_auto.client.capture.replay import replay
from support.keys import MS, START

TRACES = Path(__file__).parent.parent / "traces"
DATALOGIC = "487800017702297980000411000000000000702407088651000000"


def replayed(name: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    assert replay(TRACES / name, out) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def sip_reports() -> list[bytes]:
    lines = (TRACES / "sip-4-1.reports").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


def fed(events: list[InputEvent]) -> list[Outcome]:
    decoder = Decoder()
    return [outcome for event in events for outcome in decoder.feed(event)]


def as_the_kernel_shows(reports: list[bytes]) -> list[InputEvent]:
    """The input events of these reports: a key that is down already is not pressed again."""
    boot, events, down = BootReports(), [], set[int]()
    for n, report in enumerate(reports):
        whole = boot.feed(report, START + n * MS)
        ends = {event.code for event in whole if event.value == RELEASED} if report == bytes(8) else set()
        for event in whole:
            if event.type != EV_KEY or (event.value == PRESSED and event.code not in down) or event.code in ends:
                events.append(event)
            down |= {event.code} if event.type == EV_KEY and event.value == PRESSED else set()
        down -= ends
    return events


def test_a_datalogic_gryphon_in_alt_mode_with_hiccups_inside_characters_is_exact() -> None:
    (told,) = replayed("datalogic-gryphon-whole.evemu")
    assert (told["type"], told["text"]) == ("scan", DATALOGIC)


def test_as_it_was_published_keys_are_missing_and_nothing_is_guessed() -> None:
    told = replayed("datalogic-gryphon-published.evemu")
    assert [line["type"] for line in told] == ["scan_lost"]


def test_a_honeywell_ms7580_types_a_line_end_inside_a_qr_code() -> None:
    (told,) = replayed("honeywell-ms7580-published.evemu")
    assert told["text"] == "12\nDBB"


def test_sip_4_1_typed_with_a_whole_number_in_each_report_is_exact_from_the_raw_reports() -> None:
    boot = BootReports()
    events = [event for n, report in enumerate(sip_reports()) for event in boot.feed(report, START + n * MS)]
    (code,) = fed(events)
    assert isinstance(code, Code)
    assert code.text == "SIP-4-1"


def test_from_the_kernels_events_alone_it_is_lost_because_of_the_two_zeros_of_080() -> None:
    (lost,) = fed(as_the_kernel_shows(sip_reports()))
    assert isinstance(lost, Lost)
    assert "Alt+08 " in lost.reason


def test_raw_reports_of_a_plain_keyboard_give_the_events_of_the_kernel() -> None:
    boot = BootReports()
    reports = [
        "02 00 04 00 00 00 00 00",
        "00 00 00 00 00 00 00 00",
        "00 00 87 00 00 00 00 00",
        "00 00 89 00 00 00 00 00",
    ]
    moves = [
        (event.code, event.value)
        for report in reports
        for event in boot.feed(bytes.fromhex(report), START)
        if event.type == EV_KEY
    ]
    assert moves == [(42, 1), (30, 1), (42, 0), (30, 0), (89, 1), (89, 0), (124, 1)]


def test_a_report_that_is_no_report_or_holds_too_many_keys_loses_the_code() -> None:
    for broken in (b"", bytes(7), bytes.fromhex("00 00 01 01 01 01 01 01")):
        boot = BootReports()
        events = [*boot.feed(bytes.fromhex("00 00 04 00 00 00 00 00"), START), *boot.feed(broken, START + MS)]
        (lost,) = fed(events)
        assert isinstance(lost, Lost)
