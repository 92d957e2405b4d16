from __future__ import annotations

import pytest

from pi_auto.client.capture.codes import Calibration, Code, Lost, Outcome
from pi_auto.client.capture.decoder import Decoder
from pi_auto.client.capture.diverting import LOST, REST, Diverter, FleetCode, SecretCode, WifiCode
from pi_auto.client.capture.events import EV_KEY, KEY_ENTER, InputEvent
from support.keys import MS, typed

S = 1_000_000_000
_NO_CHARACTER = 67  # F9
WHOLE = "WIFI:T:WPA;S:net;P:canary-pw;;"


def code(text: str, time: int) -> Code:
    return Code(text, text.encode(), time)


def kinds(*outcomes: Outcome) -> list[str]:
    diverter = Diverter()
    return [_kind(diverter.divert(outcome)) for outcome in outcomes]


def _kind(outcome: Outcome | SecretCode) -> str:
    if isinstance(outcome, Code):
        return outcome.text
    return outcome.reason if isinstance(outcome, Lost) else type(outcome).__name__


def test_a_wifi_code_is_diverted_and_what_follows_is_a_scan() -> None:
    assert kinds(code(WHOLE, S), code("4006381333931", S + 1), code(WHOLE, 2 * S)) == [
        "WifiCode", "4006381333931", "WifiCode",
    ]  # fmt: skip


def test_the_pieces_of_one_are_dropped_up_to_its_end() -> None:
    pieces = [
        code("WIFI:T:WPA;S:ne", S),
        code("t;P:can", S + S // 2),
        code("ary;;", 2 * S),
        code("123", 2 * S + 1),
    ]
    assert kinds(*pieces) == ["WifiCode", REST, REST, "123"]


def test_a_piece_is_waited_for_no_longer_than_three_seconds() -> None:
    assert kinds(code("WIFI:T:WPA;S:ne", S), code("4006381333931", 4 * S)) == ["WifiCode", "4006381333931"]


def test_after_the_loss_of_one_its_rest_is_dropped_as_well() -> None:
    assert kinds(Lost(LOST, S), code("secret", S + 1), code("4006381333931", 5 * S)) == [
        LOST,
        REST,
        "4006381333931",
    ]


def test_after_any_loss_what_ends_like_one_is_dropped() -> None:
    lost = Lost("keys were dropped", S)
    assert kinds(lost, code("cret;;", 2 * S)) == ["keys were dropped", REST]
    assert kinds(lost, code("4006381333931", 2 * S)) == ["keys were dropped", "4006381333931"]
    assert kinds(lost, code("MECARD:N:Doe;;", 2 * S)) == ["keys were dropped", "MECARD:N:Doe;;"]


def test_a_calibration_passes() -> None:
    assert kinds(Calibration("fr", S)) == ["Calibration"]


def test_a_secret_code_shows_its_text_to_nobody_by_accident() -> None:
    assert "canary" not in repr(WifiCode(WHOLE)) + repr(FleetCode(WHOLE))


@pytest.mark.parametrize("calibratable", [False, True])
def test_the_loss_of_one_does_not_say_at_which_key(calibratable: bool) -> None:
    decoder, found = Decoder(calibratable=calibratable), []
    for event in typed("WIFI:T:WPA;S:net;P:ca", S, suffix=None):
        found += decoder.feed(event)
    found += decoder.feed(InputEvent(S + 50 * MS, EV_KEY, _NO_CHARACTER, 1))
    found += decoder.feed(InputEvent(S + 52 * MS, EV_KEY, KEY_ENTER, 1))
    assert [outcome.reason for outcome in found if isinstance(outcome, Lost)] == [LOST]
