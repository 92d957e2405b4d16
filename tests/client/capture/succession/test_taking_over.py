"""A capture takes over from another while codes are typed: each is exact, in its place, once; none is lost."""

from __future__ import annotations

import os
import pty
from pathlib import Path

from support.successions import TIMES, LineTypist, Succession, Typist, wait_until


def test_no_key_is_lost_however_often_it_is_taken_over_while_codes_are_typed(house: Succession) -> None:
    gaps, times = [], TIMES or 4
    with Typist(house.fifo.send) as typist:
        for _ in range(times):
            told = house.hand_over()
            assert told["ok"], told
            gaps.append(told["gap_ms"])
    assert house.has_all_of(typist)
    assert len(set(house.manager.mains)) == times + 1
    wait_until(lambda: house.manager.processes() == [house.manager.main], what="the former ones have gone")
    print(f"{len(typist.typed)} codes, {times} times, nobody read for {max(gaps)} ms at most")


def test_an_open_line_goes_over_as_it_is_open(tmp_path: Path) -> None:
    """By its descriptor: what waits in it waits for the next one, and nobody else gets it meanwhile."""
    master, slave = pty.openpty()
    house = Succession(tmp_path, scanner=os.ttyname(slave))
    os.close(slave)
    try:
        os.write(master, b"FIRST\r")
        wait_until(lambda: house.stored == ["FIRST"], what="it is known what ends its codes")
        with LineTypist(lambda octets: os.write(master, octets), pause=20.0) as typist:
            for _ in range(TIMES or 2):
                assert house.hand_over()["ok"]
        assert house.has_all_of(typist, "FIRST")
    finally:
        house.close()
        os.close(master)
