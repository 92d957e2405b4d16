from __future__ import annotations

from pi_auto.client.agent.hub.pulse import PATIENCE, Pulse


def test_it_beats_at_once_and_then_every_interval() -> None:
    pulse = Pulse(30)
    assert pulse.due(0.0)
    pulse.answered(204, pulse.sent(0.0), 1.0)
    assert [pulse.due(now) for now in (1.0, 29.9, 30.0)] == [False, False, True]


def test_a_hurried_beat_comes_at_once_unless_the_hub_is_busy() -> None:
    pulse = Pulse(30)
    pulse.answered(204, pulse.sent(0.0), 1.0)
    pulse.hurry(2.0)
    assert pulse.due(2.0)
    pulse.answered(429, pulse.sent(2.0), 3.0)
    pulse.hurry(4.0)
    assert not pulse.due(4.0)


def test_a_missing_answer_is_told_once_and_the_next_beat_comes() -> None:
    pulse = Pulse(30)
    pulse.sent(0.0)
    assert [pulse.given_up(now) for now in (1.0, PATIENCE, PATIENCE + 1)] == [False, True, False]
    assert pulse.due(30.0)


def test_an_answer_to_another_question_is_no_answer() -> None:
    pulse = Pulse(30)
    late = pulse.sent(0.0)
    pulse.sent(30.0)
    assert not pulse.answered(204, late, 31.0)
    assert pulse.awaiting


def test_a_hub_that_is_busy_hears_less_until_it_says_yes_again() -> None:
    pulse, now, pauses = Pulse(30), 0.0, []
    for _ in range(5):
        pulse.answered(429, pulse.sent(now), now)
        pauses.append(pulse.next_at - now)
        now = pulse.next_at
    assert pauses == [60, 120, 240, 300, 300]
    pulse.answered(204, pulse.sent(now), now)
    now = pulse.next_at
    pulse.sent(now)
    assert not pulse.due(now + 29)
    assert pulse.due(now + 30)


def test_a_refused_report_is_no_yes_but_the_next_one_comes_in_time() -> None:
    pulse = Pulse(30)
    assert not pulse.answered(400, pulse.sent(0.0), 1.0)
    assert pulse.due(30.0)


def test_it_wants_to_be_looked_at_when_an_answer_is_overdue() -> None:
    pulse = Pulse(300)
    pulse.sent(0.0)
    assert pulse.next_at == PATIENCE
