from __future__ import annotations

from itertools import pairwise

import pytest

from support.ordering import LONG, spread

SHORT = [f"tests/wire/test_{number // 7}.py" for number in range(700)]
WAITING = [f"tests/whole/test_{number // 3}.py" for number in range(30)]
BROWSER = [f"tests/browser/test_{number // 5}.py" for number in range(10)]
ALL = [*BROWSER, *WAITING, *SHORT]


@pytest.mark.parametrize("workers", [1, 2, 4, 6, 7])
def test_every_test_is_run_once(workers: int) -> None:
    assert sorted(spread(ALL, workers)) == list(range(len(ALL)))
    assert sorted(spread(WAITING, workers)) == list(range(len(WAITING)))
    assert spread([], workers) == []


@pytest.mark.parametrize("workers", [2, 4, 6])
def test_each_worker_gets_its_share_of_the_long_ones_and_none_of_them_last(workers: int) -> None:
    order, size = spread(ALL, workers), len(ALL) // workers
    for worker in range(workers):
        chunk = order[worker * size : (worker + 1) * size]
        long = [at for at, place in enumerate(chunk) if ALL[place].startswith(LONG)]
        assert len(long) >= len(WAITING) // workers
        assert max(long) < 0.75 * size


def test_a_module_of_short_ones_and_one_with_a_browser_stay_together() -> None:
    order = spread(ALL, 4)
    kept = [ALL[place] for place in order if not ALL[place].startswith("tests/whole/")]
    changes = sum(one != other for one, other in pairwise(kept))
    assert changes <= len(set(kept)) - 1 + 2 * 4  # slices end within modules
