"""Random keys at random times: no exception, no partial code, and memory stays bounded."""

from __future__ import annotations

import random
import tracemalloc

from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import EV_KEY, EV_SYN, PRESSED, RELEASED, SYN_DROPPED, SYN_REPORT, InputEvent
from pi_auto.client.capture.keys.habits import Ending, Habits
from pi_auto.client.capture.keys.layout import NAMES, load
from support.cases import CASES
from support.keys import MS

MOST_BYTES = 8192
MODIFIERS = (29, 42, 54, 56, 97, 100, 125, 126, 58, 69)
LIKELY = (*MODIFIERS, *range(71, 84), 22, 28, 15, 96, 57, *range(2, 14), *range(16, 54), 86, 88, 89, 124)


def stream(chance: random.Random, length: int) -> list[InputEvent]:
    """What no scanner types, but much of what scanners do."""
    time, events = chance.choice((0, 10**15, -(10**12), 2**62)), []
    for _ in range(length):
        time += chance.choice((0, MS, 2 * MS, 30 * MS, 120 * MS, 2_000 * MS, -5 * MS))
        if chance.random() < 0.03:
            events.append(InputEvent(time, EV_SYN, chance.choice((SYN_DROPPED, SYN_REPORT, 1)), 0))
            continue
        code = chance.choice(LIKELY) if chance.random() < 0.97 else chance.randrange(0x300)
        events.append(InputEvent(time, EV_KEY, code, chance.choice((PRESSED, PRESSED, RELEASED, 2))))
    return events


def outcomes_of(decoder: Decoder, events: list[InputEvent], chance: random.Random) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for event in events:
        outcomes += decoder.feed(event)
        due = decoder.overdue_at()
        if due is not None and chance.random() < 0.1:
            outcomes += decoder.close_overdue(due)
    return [*outcomes, *decoder.cut_off("unplugged", 0), *decoder.finish()]


def decoder_by(chance: random.Random) -> Decoder:
    return Decoder(
        load(chance.choice(NAMES)),
        chance.choice((None, Habits("us", chance.choice([*Ending, None]), chance.choice((None, 0, MS, 10**12))))),
        opened_at=chance.choice((None, 0, 10**15)),
        held=frozenset(chance.sample(MODIFIERS, chance.randrange(3))),
        caps=chance.random() < 0.1,
        calibratable=chance.random() < 0.3,
    )


def test_no_keys_whatever_make_the_decoder_stumble() -> None:
    for seed in range(CASES):
        chance = random.Random(seed)
        for outcome in outcomes_of(decoder_by(chance), stream(chance, chance.randrange(30)), chance):
            assert isinstance(outcome, Lost | Calibration) or is_whole(outcome), seed


def is_whole(code: Code) -> bool:
    return 0 < len(code.text) <= len(code.raw) <= MOST_BYTES and code.raw.decode() is not None


def test_a_code_after_any_nonsense_is_exact_once_there_was_silence() -> None:
    for seed in range(min(CASES, 20_000)):
        chance = random.Random(seed)
        decoder = Decoder(load(chance.choice(NAMES)))
        events = stream(chance, chance.randrange(20))
        outcomes_of(decoder, events, chance)
        for code in MODIFIERS:  # what hangs is let go, as a scanner does at the end of a code
            decoder.feed(InputEvent(0, EV_KEY, code, RELEASED))
        at = max((event.time for event in events), default=0) + 3_000 * MS
        dropped = [InputEvent(at, EV_SYN, SYN_DROPPED, 0), InputEvent(at, EV_SYN, SYN_REPORT, 0)]
        keys = [InputEvent(at + 2_000 * MS, EV_KEY, code, PRESSED) for code in (79, 80, 81, 28)]
        codes = [each for event in (*dropped, *keys) for each in decoder.feed(event) if isinstance(each, Code)]
        assert [code.text for code in codes] == ["123"], seed


def test_memory_is_bounded_however_long_a_code_is() -> None:
    chance = random.Random(7)
    for layout in ("us", "gr"):
        decoder = Decoder(load(layout), calibratable=True)
        tracemalloc.start()
        for n in range(40_000):
            decoder.feed(InputEvent(n * MS, EV_KEY, chance.choice((30, 79, 26)), PRESSED))
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 200_000, layout


def test_bytes_are_counted_not_characters() -> None:
    decoder = Decoder(load("gr"))
    events = [InputEvent(n * MS, EV_KEY, 30, PRESSED) for n in range(MOST_BYTES // 2)]
    assert [outcome for event in events for outcome in decoder.feed(event)] == []
    (lost,) = decoder.feed(InputEvent(events[-1].time + MS, EV_KEY, 30, PRESSED))
    assert isinstance(lost, Lost)
    assert "longer than 8192 bytes" in lost.reason
