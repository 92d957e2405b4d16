"""When a fleet asks, and what of its updates the server is still to hear."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from pi_auto.client.agent.update.ledger import FILE, Ledger, latest
from pi_auto.client.agent.update.rhythm import FIRST, asked_pause, first_pause, next_pause
from pi_auto.client.agent.update.told import told_in
from pi_auto.client.agent.update.trust import update_root

ID = "ab" * 32
NOW = 1_790_000_000.0


def test_power_that_comes_back_for_a_whole_site_is_spread_over_a_quarter_of_an_hour() -> None:
    pauses = [first_pause(f"pi-{n}", 3600, 20.0, NOW, Random(n)) for n in range(2000)]
    assert min(pauses) >= 0.0
    assert max(pauses) <= FIRST - 20.0
    assert max(pauses) - min(pauses) > 800


def test_a_fleet_asks_evenly_and_each_device_at_a_moment_of_its_own() -> None:
    moments = sorted((NOW + next_pause(f"pi-{n}", 3600, NOW, Random(n))) % 3600 for n in range(3600))
    busiest = max(sum(start <= moment < start + 60 for moment in moments) for start in range(0, 3600, 60))
    assert busiest < 110, "60 in a minute on the average"
    again = [NOW + 3600 * k + next_pause("pi-7", 3600, NOW + 3600 * k, Random(k)) for k in range(50)]
    first = again[0] % 3600
    assert all(min((one - first) % 3600, (first - one) % 3600) <= 720 for one in again)


@pytest.mark.parametrize("now", [0.0, NOW, 4_070_908_800.0])
def test_whatever_the_clock_says_the_next_question_comes_once_within_the_interval_and_a_bit(now: float) -> None:
    for number in range(500):
        pause = next_pause("pi-7", 3600, now + number * 77.7, Random(number))
        assert 0.15 * 3600 <= pause <= 1.35 * 3600


def test_a_server_that_asks_for_patience_gets_at_least_that() -> None:
    assert all(600 <= asked_pause(600, Random(n)) <= 660 for n in range(100))


def tell(state: Path, *steps: dict[str, object]) -> None:
    (state / "update-told").mkdir(exist_ok=True)
    (state / "update-told/told.json").write_text(json.dumps({"steps": list(steps)}))


def step(number: int, word: str = "trial") -> dict[str, object]:
    time = f"2026-11-29T22:{number // 60:02d}:{number % 60:02d}.000Z"
    return {"number": number, "update_id": ID, "version": "0.2.0", "step": word, "reason": "", "time": time}


def drain(ledger: Ledger) -> list[tuple[str, int]]:
    found = []
    while one := ledger.untold():
        found.append((one.step, one.number))
        ledger.is_told(one)
    return found


def test_steps_are_told_in_order_once_and_over_restarts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.say("offered", ID, "0.2.0")
    ledger.say("downloading", ID, "0.2.0")
    first = ledger.untold()
    assert first
    ledger.is_told(first)
    tell(tmp_path, step(1), step(2, "committed"))
    assert drain(Ledger(tmp_path)) == [("downloading", 0), ("trial", 1), ("committed", 2)]
    assert drain(Ledger(tmp_path)) == []
    tell(tmp_path, step(2, "committed"), step(3))
    assert drain(Ledger(tmp_path)) == [("trial", 3)]


def test_each_refusal_is_told_since_it_answers_an_offer_and_any_other_step_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for reason in ("expired", "expired", "no room"):
        ledger.say("offered", ID, "0.2.0")
        ledger.say("refused", ID, "0.2.0", reason)
    assert drain(ledger) == [("offered", 0), ("refused", 0), ("refused", 0), ("refused", 0)]
    ledger.say("refused", "cd" * 32, "0.3.0", "expired")
    assert drain(ledger) == [("refused", 0)]


def test_what_nobody_hears_for_months_stays_small(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in range(500):
        ledger.say("refused", f"{number:064x}", f"0.{number}", "x" * 2000)
    assert (tmp_path / "agent" / FILE).stat().st_size < 32_000
    assert len(drain(Ledger(tmp_path))) == 16


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"steps": 7}', '{"steps": [1, {}, {"number": -1}]}', "[" * 50_000, '{"steps": [null]}',
        '{"number": 1e999, "own": [], "said": [], "steps": [{"number": 1e999}]}',
    ],
)  # fmt: skip
def test_a_spoiled_word_of_either_is_no_word(tmp_path: Path, content: str) -> None:
    (tmp_path / "update-told").mkdir()
    (tmp_path / "update-told/told.json").write_text(content)
    (tmp_path / "agent/update").mkdir(parents=True)
    (tmp_path / "agent" / FILE).write_text(content)
    assert told_in(tmp_path) == []
    assert latest(tmp_path) is None
    assert Ledger(tmp_path).untold() is None


def test_the_latest_step_is_the_latest_of_both(tmp_path: Path) -> None:
    tell(tmp_path, step(1), step(2, "rolled_back"))
    found = latest(tmp_path)
    assert found
    assert (found.step, found.number) == ("rolled_back", 2)


def test_the_root_comes_from_the_card_else_from_the_release(tmp_path: Path) -> None:
    assert update_root(None, tmp_path) is None
    (tmp_path / "appliance").mkdir()
    (tmp_path / "appliance/update_root.json").write_text("the release's")
    assert update_root(None, tmp_path) == "the release's"


def test_a_switcher_whose_steps_were_lost_counts_anew_and_is_heard(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    ledger = Ledger(tmp_path)
    tell(tmp_path, step(40), step(41, "committed"))
    assert drain(ledger) == [("trial", 40), ("committed", 41)]
    tell(tmp_path, step(1), step(2, "committed"))
    assert drain(ledger) == [("trial", 1), ("committed", 2)]
    assert drain(Ledger(tmp_path)) == []
