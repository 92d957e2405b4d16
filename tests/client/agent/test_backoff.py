from __future__ import annotations

from collections import Counter
from itertools import accumulate
from random import Random

from pi_auto.client.agent.backoff import LONGEST_RETRY_AFTER, Backoff, Spread


def test_pauses_are_spread_below_a_ceiling_that_doubles_up_to_the_longest() -> None:
    for seed in range(200):
        pauses = Backoff(Random(seed), first=1.0, longest=60.0)
        for failure in range(50):
            assert 0.0 <= pauses.next() <= min(60.0, 2.0**failure)


def test_devices_that_failed_together_do_not_return_together() -> None:
    returns = [Backoff(Random(seed), first=10.0).next() for seed in range(100)]
    assert min(returns) < 1.0
    assert max(returns) > 9.0


def test_success_starts_the_pauses_anew(rng: Random) -> None:
    pauses = Backoff(rng, first=0.001, longest=60.0)
    for _ in range(20):
        pauses.next()
    pauses.reset()
    assert pauses.next() <= 0.001


def test_what_the_server_asks_for_is_waited_for_up_to_an_hour(rng: Random) -> None:
    assert Backoff(rng).next(retry_after=120.0) == 120.0
    assert Backoff(rng).next(retry_after=10.0**9) == LONGEST_RETRY_AFTER


def test_ten_thousand_devices_that_a_hub_hangs_up_on_come_back_at_less_than_a_hundred_a_second() -> None:
    tries: Counter[int] = Counter()
    for device in range(10_000):
        spread = Spread(Random(device), within=120.0)
        tries.update(int(moment // 10) for moment in accumulate(spread.next() for _ in range(5)))
    assert max(tries.values()) / 10 <= 100
    assert min(tries[slot] for slot in range(12)) / 10 >= 70  # and nobody waits in vain


def test_the_first_pause_of_a_spread_may_be_short_and_those_after_it_not(rng: Random) -> None:
    spread = Spread(rng, within=120.0)
    for _ in range(100):
        spread.reset()
        assert 0.0 <= spread.next() <= 120.0
        assert 120.0 <= spread.next() <= 144.0
