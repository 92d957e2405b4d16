from __future__ import annotations

import random

import pytest

from pi_auto.server.fleet.spans import Online, Span, by_day, step

GOOD = 90_000
LATER = 10**12  # a clock that is ahead of all signs
Sign = tuple[int, bool]

S = 1000
ALIVE, ENDED = True, False


def reckon(*signs: Sign, span: Span | None = None, now: int = LATER) -> tuple[Span | None, int]:
    """Take signs in; the span at the end and the milliseconds online."""
    total = 0
    for at, alive in signs:
        taken = step(span, at, now, GOOD, alive=alive)
        if taken:
            span, added = taken
            total += added.end - added.begin if added else 0
    return span, total


@pytest.mark.parametrize(
    ("signs", "seconds"),
    [
        ([(0, ALIVE)], 0),
        ([(0, ALIVE), (30 * S, ALIVE)], 30),
        ([(0, ALIVE), (30 * S, ALIVE), (45 * S, ENDED)], 45),
        ([(0, ALIVE), (90 * S, ALIVE)], 90),
        ([(0, ALIVE), (1000 * S, ALIVE)], 90),  # it was silent: late, then offline
        ([(0, ALIVE), (1000 * S, ENDED)], 90),  # a killed hub says so when it is back
        ([(0, ALIVE), (10 * S, ENDED), (50 * S, ALIVE), (60 * S, ALIVE)], 20),
        (
            [(0, ALIVE), (10 * S, ENDED), (10 * S, ALIVE), (20 * S, ALIVE)],
            20,
        ),  # a second connection drops the first
        ([(0, ENDED), (10 * S, ENDED)], 0),
        ([(0, ALIVE), (10 * S, ENDED), (20 * S, ENDED)], 10),  # the goodbye, then the disconnect
        ([(0, ALIVE), (30 * S, ALIVE), (10 * S, ALIVE), (30 * S, ALIVE)], 30),  # events that come again
        ([(0, ALIVE), (30 * S, ALIVE), (10 * S, ENDED), (60 * S, ALIVE)], 60),  # an old end is overtaken
    ],
)
def test_time_online_is_what_lies_between_signs_of_life(signs: list[Sign], seconds: int) -> None:
    assert reckon(*signs)[1] == seconds * S


def test_events_that_are_read_a_second_time_from_anywhere_add_nothing() -> None:
    chance = random.Random(7)
    for _ in range(300):
        moment, signs = 0, []
        for _ in range(20):
            moment += chance.randrange(1, 200) * S
            signs.append((moment, chance.random() < 0.7))
        span, total = reckon(*signs)
        assert reckon(*signs[chance.randrange(20) :], span=span) == (span, 0)
        cut = chance.randrange(20)
        first, before = reckon(*signs[:cut])
        assert reckon(*signs[max(0, cut - 3) :], span=first)[1] + before == total


def test_a_clock_that_was_ahead_does_not_stop_the_reckoning() -> None:
    ahead = Span(through=86_400 * S, since=0)
    span, total = reckon((100 * S, ALIVE), (130 * S, ALIVE), span=ahead, now=130 * S)
    assert (span, total) == (Span(130 * S, 100 * S), 30 * S)


def test_a_sign_from_the_future_counts_as_of_now() -> None:
    span, total = reckon((0, ALIVE), (10**9, ALIVE), now=30 * S)
    assert (span, total) == (Span(30 * S, 0), 30 * S)


def test_time_is_cut_at_midnight_in_utc() -> None:
    day = 86_400_000
    assert list(by_day(Online(day - 5000, 2 * day + 1000))) == [
        ("1970-01-01", 5000),
        ("1970-01-02", day),
        ("1970-01-03", 1000),
    ]
    assert list(by_day(Online(day, day + 1))) == [("1970-01-02", 1)]
