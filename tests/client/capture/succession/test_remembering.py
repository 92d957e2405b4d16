"""What one reader tells the next, so that nothing between two codes tells that another process reads."""

from __future__ import annotations

import json
import os
import pty
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.capture.codes import Code
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.desk import Desk
from pi_auto.client.capture.diverting import Diverter
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.capture.events import KEY_CAPSLOCK, KEY_LEFTSHIFT, pack_event
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.notices import Notice
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.serial.lines import LineDecoder
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.opening import open_named
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.clock import boottime_ns, system_clock
from pi_auto.client.spool.drafts import Draft, IncidentDraft, ScanDraft
from pi_auto.wire.scan import Scanner
from support.keys import MS, Fifo, stroke, typed
from support.waiting import wait_until


class Nobody:
    def note(self, notice: Notice) -> None:
        """Nothing to do."""


class Reading:
    """A reader of one source in a thread of its own, until it is relieved or told to stop."""

    def __init__(self, source: Source, memory: dict[str, Any] | None = None) -> None:
        self.inbox = Inbox()
        self._stopped, self._stop = os.pipe()
        self.reader = Reader(self.inbox, system_clock(), self._stopped, Nobody())
        self.reader.adopt(source)
        if memory:
            self.reader.recall(memory)
        self._thread = threading.Thread(target=self.reader.run)
        self._thread.start()

    def relieved(self) -> dict[str, Any]:
        """What it tells the next one, as that hears it."""
        told: list[dict[str, Any]] = []

        def relief(memory: dict[str, Any], guard: Callable[[], None]) -> bool:
            del guard
            told.append(json.loads(json.dumps(memory)))
            return True

        self.reader.relieve(relief)
        wait_until(lambda: told, what="a moment between two codes")
        self._thread.join(5)
        return told[0]

    def stop(self) -> None:
        os.write(self._stop, b"!")
        self._thread.join(5)

    def brought(self, number: int) -> list[str]:
        found: list[Draft] = []

        def enough() -> bool:
            taken = self.inbox.take(100, 0.01)[0]
            found.extend(each for each in taken if isinstance(each, ScanDraft | IncidentDraft))
            return len(found) >= number

        wait_until(enough, what=f"{number} scans or losses")
        return [each.text if isinstance(each, ScanDraft) else each.reason for each in found]


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    fifo = Fifo(tmp_path / "scanner")
    yield fifo
    fifo.close()


def test_caps_lock_and_half_an_event_go_over(fifo: Fifo) -> None:
    source = KeyboardSource(fifo.path)
    source.opened_at = None
    first = Reading(source)
    fifo.send([*stroke(KEY_CAPSLOCK, boottime_ns()), *typed("abc", boottime_ns())])
    assert first.brought(1) == ["ABC"]
    whole = b"".join(pack_event(*event) for event in typed("def", boottime_ns()))
    fifo.write(whole[:10])
    wait_until(fifo.is_drained, what="a part of an event is read")
    second = Reading(KeyboardSource(fifo.path), first.relieved())
    fifo.write(whole[10:])
    assert second.brought(1) == ["DEF"], "not told as lost, though it was opened just now"
    second.stop()


def test_shift_that_is_held_stays_held() -> None:
    one, other = Decoder(), Decoder(opened_at=boottime_ns())
    at = 5_000 * MS
    press = stroke(KEY_LEFTSHIFT, at)[0]
    assert one.feed(press) == []
    assert one.is_at_rest
    other.recall(json.loads(json.dumps(one.memory())))
    outcomes = [outcome for event in typed("12", at + MS) for outcome in other.feed(event)]
    assert [outcome.text for outcome in outcomes if isinstance(outcome, Code)] == ["!@"]


def test_a_line_feed_after_enter_belongs_to_the_code_before() -> None:
    """CRLF, of a scanner that types Enter and then Ctrl+J."""
    one, other = Decoder(), Decoder()
    at = 5_000 * MS
    for event in typed("1", at):
        one.feed(event)
    other.recall(json.loads(json.dumps(one.memory())))
    ctrl, j = stroke(29, at + 5 * MS), stroke(36, at + 6 * MS)
    outcomes = [
        outcome for event in [ctrl[0], *j, ctrl[2], *typed("2", at + 9 * MS)] for outcome in other.feed(event)
    ]
    assert [outcome.text for outcome in outcomes if isinstance(outcome, Code)] == ["2"]


def test_what_ends_the_codes_of_a_serial_line_goes_over() -> None:
    master, slave = pty.openpty()
    path = Path(os.ttyname(slave))
    os.close(slave)
    source = open_named(path)
    first = Reading(source)
    wait_until(lambda: boottime_ns() - source.opened_at > 200 * MS, what="the guard is over")  # type: ignore[attr-defined]
    os.write(master, b"FIRST\r")
    assert first.brought(1) == ["FIRST"]
    second = Reading(source, first.relieved())
    os.write(master, b"SECOND\rTHIRD\r")
    assert second.brought(2) == ["SECOND", "THIRD"], "known at once to be two: no silence is needed"
    second.stop()
    os.close(master)


def test_nothing_is_handed_over_in_the_middle_of_a_code() -> None:
    decoder, line = Decoder(), LineDecoder()
    for event in typed("12", 5_000 * MS, suffix=None):
        decoder.feed(event)
    assert not decoder.is_at_rest
    assert line.is_at_rest


def test_a_repeat_is_still_a_repeat_and_an_echo_an_echo() -> None:
    one, other = (Desk(Drafter(Scanner("usb-A"), system_clock())) for _ in range(2))
    now = boottime_ns()
    keyboard, line = Path("/dev/input/event0"), Path("/dev/ttyACM0")
    first = one.take(Code("CODE", b"CODE", now), keyboard)
    assert isinstance(first, ScanDraft)
    other.recall(json.loads(json.dumps(one.memory())))
    assert other.take(Code("CODE", b"CODE", now + MS), line) is None
    again = other.take(Code("CODE", b"CODE", now + 2 * MS), keyboard)
    assert isinstance(again, ScanDraft)
    assert again.repeat_of == first.uuid


def test_the_rest_of_a_secret_is_still_kept_back() -> None:
    one, other = Diverter(), Diverter()
    one.divert(Code("WIFI:S:net;P:secr", b"", 1))
    other.recall(*json.loads(json.dumps(one.memory())))
    assert not isinstance(other.divert(Code("et;;", b"", 2)), Code)


def test_a_keyboard_that_was_judged_may_be_handed_over_and_one_that_is_not_yet_too(fifo: Fifo) -> None:
    source = KeyboardSource(fifo.path, known=())
    source.opened_at = None
    first = Reading(source)
    fifo.send(typed("4006381333931", boottime_ns()))
    assert first.brought(1) == ["4006381333931"]
    again = KeyboardSource(fifo.path, known=())
    second = Reading(again, first.relieved())
    assert second.relieved()["nodes"].keys() == {str(fifo.path)}
