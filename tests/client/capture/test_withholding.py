from __future__ import annotations

import pytest

from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.events import InputEvent
from pi_auto.client.capture.withholding import Withholder
from support.keys import MS, typed

S = 1_000_000_000
WIFI = "WIFI:T:WPA;S:net;P:canary-pw;;"


def written(*codes: str, suffix: int | None = 28, silence: bool = False) -> str:
    """What a recording of these codes, half a second apart, holds as text."""
    withholder, found = Withholder(), list[InputEvent]()
    for place, code in enumerate(codes):
        events = typed(code, S + place * S // 2, suffix=suffix)
        for event in events:
            found += withholder.feed(event)
        if silence:
            found += withholder.quiet(events[-1].time + 400 * MS)
    found += withholder.finish()
    assert [event.time for event in found] == sorted(event.time for event in found)
    return read(found)


def read(events: list[InputEvent]) -> str:
    """The characters, without what ends codes."""
    decoder, texts = Decoder(), list[str]()
    outcomes = [outcome for event in events for outcome in decoder.feed(event)] + decoder.finish()
    texts += [getattr(outcome, "text", "lost") for outcome in outcomes]
    return " ".join(texts)


@pytest.mark.parametrize("suffix", [28, None])
def test_a_recording_holds_everything_but_wifi_codes(suffix: int | None) -> None:
    assert written("4006381333931", WIFI, "123", suffix=suffix, silence=suffix is None) == "4006381333931 123"


def test_the_rest_of_a_wifi_code_is_left_out_as_well() -> None:
    assert written("WIFI:T:WPA;S:net;P:can", "ary-pw;;", "123", suffix=None, silence=True) == "123"


def test_at_the_end_nothing_is_kept_of_one_that_is_open() -> None:
    withholder, found = Withholder(), list[InputEvent]()
    for event in typed(WIFI, S, suffix=None):
        found += withholder.feed(event)
    assert read(found + withholder.finish()) == ""
    assert withholder.left_out == 1
