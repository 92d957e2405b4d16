"""A capture takes over from another while codes are typed: each is exact, in its place, once; none is lost."""

from __future__ import annotations

from support.successions import TIMES, Succession, Typist
from support.waiting import wait_until


def test_no_key_is_lost_however_often_it_is_taken_over_while_codes_are_typed(house: Succession) -> None:
    gaps, times = [], TIMES or 4
    with Typist(house.fifo.send) as typist:
        for _ in range(times):
            told = house.hand_over()
            assert told["ok"], told
            gaps.append(told["gap_ms"])
    typed = typist.typed
    wait_until(lambda: len(house.stored) >= len(typed), what="all is stored")
    assert house.stored == typed
    assert house.lost == []
    assert len(set(house.manager.mains)) == times + 1
    wait_until(lambda: house.manager.processes() == [house.manager.main], what="the former ones have gone")
    print(f"{len(typed)} codes, {times} times, nobody read for {max(gaps)} ms at most")
