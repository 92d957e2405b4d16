"""What becomes of an unknown keyboard's codes while it is judged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pi_auto.client.capture.events import EV_KEY, KEY_ENTER, PRESSED, RELEASED, InputEvent
from pi_auto.client.capture.inbox import Inbox, Note
from pi_auto.client.capture.judge import Verdict
from pi_auto.client.capture.notices import Gone, Judged, Notice
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.sources.keyboard import decoder_of
from pi_auto.client.capture.sources.source import Decoding
from pi_auto.client.capture.tuning import PLAIN
from pi_auto.client.clock import boottime_ns, system_clock
from pi_auto.client.spool.drafts import Draft, IncidentDraft, ScanDraft
from pi_auto.wire.scan import Scanner

MS = 1_000_000
DIGIT_1, LETTER_A = 2, 30


class Keyboard:
    """An unknown keyboard whose keys are all there at once; `unplugged` once they were read."""

    scanner = Scanner("usb-Unknown-event-kbd")
    path = Path("/dev/input/event9")
    opened_at: int | None = None
    tuning = PLAIN
    held: frozenset[int] = frozenset()
    caps = num = False
    known = False

    def __init__(self, keys: Iterable[tuple[int, int]]) -> None:
        self._events = list(pressed(keys))
        self._readable, self._writable = os.pipe()
        os.write(self._writable, b"!")
        self.closed = False

    def decoder(self) -> Decoding:
        return decoder_of(self)

    def fileno(self) -> int:
        return self._readable

    def due(self) -> int | None:
        return None

    def read(self, now: int) -> tuple[list[InputEvent], bool]:  # noqa: ARG002
        if not self._events:
            raise OSError(19, "No such device")
        events, self._events = self._events, []
        return events, True

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)
        self.closed = True


class Watcher:
    """What the lookout would be told; ends the reader when the keyboard has gone or was let go of."""

    def __init__(self, stop: int) -> None:
        self._stop = stop
        self.told: list[str] = []

    def note(self, notice: Notice) -> None:
        if isinstance(notice, Judged):
            self.told.append(notice.verdict)
        if isinstance(notice, Gone):
            self.told.append("gone")
        if isinstance(notice, Gone) or self.told[-1:] == [Verdict.PERSON]:
            os.write(self._stop, b"!")


def pressed(keys: Iterable[tuple[int, int]]) -> Iterator[InputEvent]:
    time = boottime_ns() - 60_000 * MS
    for code, gap in keys:
        time += gap * MS
        yield InputEvent(time, EV_KEY, code, PRESSED)
        yield InputEvent(time + MS // 2, EV_KEY, code, RELEASED)


def code(length: int) -> list[tuple[int, int]]:
    return [(DIGIT_1, 5)] * length + [(KEY_ENTER, 5)]


def read_out(keyboard: Keyboard) -> tuple[list[str], list[str]]:
    """The scans that reach the clerk of what was typed, and what the lookout is told."""
    taken, told = taken_of(keyboard)
    return [each.text for each in taken if isinstance(each, ScanDraft)], told


def taken_of(keyboard: Keyboard) -> tuple[list[Draft | Note], list[str]]:
    """The same with all that reaches the clerk."""
    stopped, stop = os.pipe()
    inbox, watcher = Inbox(), Watcher(stop)
    reader = Reader(inbox, system_clock(), stopped, watcher)
    reader.adopt(keyboard)
    reader.run()
    os.close(stopped)
    os.close(stop)
    return inbox.take(10_000, 0)[0], watcher.told


def test_the_codes_before_the_verdict_are_held_back_and_then_delivered() -> None:
    keyboard = Keyboard([*code(4), (DIGIT_1, 900), *code(12)])
    assert read_out(keyboard) == (["1111", "1" * 13], ["scanner", "gone"])


def test_the_first_code_of_a_scanner_without_suffix_waits_for_no_second_one() -> None:
    assert read_out(Keyboard([(DIGIT_1, 5)] * 13)) == (["1" * 13], ["scanner", "gone"])


def test_short_codes_alone_are_not_held_back_for_ever() -> None:
    keys = [each for _ in range(12) for each in ((DIGIT_1, 900), *code(3))]
    assert read_out(Keyboard(keys)) == (["1111"] * 12, ["scanner", "gone"])


def test_nothing_a_person_types_is_delivered_and_the_keyboard_is_let_go() -> None:
    keyboard = Keyboard([*code(4), *[(LETTER_A, 120)] * 8, (KEY_ENTER, 150)])
    assert read_out(keyboard) == ([], ["person"])
    assert keyboard.closed


def test_a_keyboard_that_is_unplugged_before_it_was_judged_delivers_nothing() -> None:
    assert read_out(Keyboard(code(4))) == ([], ["gone"])


def test_of_losses_before_the_verdict_the_last_are_told_and_of_codes_all() -> None:
    """As of a remote control, of which each key is a lost code, all day long: no key tells who types."""
    volume_up, lost_first = 115, 1_000
    keys = [*code(4), *[(volume_up, 1_000)] * lost_first, (DIGIT_1, 900), *code(12)]
    taken, told = taken_of(Keyboard(keys))
    assert told == ["scanner", "gone"]
    assert [each.text for each in taken if isinstance(each, ScanDraft)] == ["1111", "1" * 13]
    assert 0 < len([each for each in taken if isinstance(each, IncidentDraft)]) <= 64
