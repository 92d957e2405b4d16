"""In which order tests are run by several workers: those that take long are spread, and none is among the last.

pytest-xdist gives each worker a slice of the tests, and whoever has finished takes from the end of another's.
Tests that take long mostly wait: beside short ones they cost little, and alone at the end all wait for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice

LONG = (
    "tests/whole/", "tests/network/", "tests/install/", "tests/conformance/", "tests/browser/",
    "tests/hub/contract/", "tests/hub/scale/", "tests/server/admin/", "tests/server/backups/",
    "tests/server/test_endurance.py", "tests/server/test_serving.py", "tests/server/links/test_eventhub.py",
    "tests/server/releases/test_operating_page.py", "tests/server/calls/test_device_command.py",
)  # fmt: skip
_TOGETHER = (
    "tests/browser/"  # one browser is started for a module, and no test beside these may meet its event loop
)
_EARLY = 0.6  # of a worker's slice: in it all long ones begin

Group = list[int]


def spread(modules: Sequence[str], workers: int) -> list[int]:
    """The places of tests in the order they are run in; `modules` names the file of each."""
    groups = [list(places) for _, places in groupby(range(len(modules)), key=lambda place: modules[place])]
    long = [group for group in groups if modules[group[0]].startswith(LONG)]
    dealt = list(chain.from_iterable(_dealt(group, modules) for group in long))
    short = iter(list(chain.from_iterable(group for group in groups if group not in long)))
    order: list[int] = []
    for worker in range(workers):
        mine = dealt[worker::workers]
        end = len(modules) * (worker + 1) // workers
        taken = list(islice(short, max(0, end - len(order) - sum(map(len, mine)))))
        order += _merged(mine, taken, modules)
    return [*order, *short]


def _dealt(group: Group, modules: Sequence[str]) -> list[Group]:
    """Each for itself, but for those that have to stay together."""
    return [group] if modules[group[0]].startswith(_TOGETHER) else [[place] for place in group]


def _merged(long: list[Group], short: list[int], modules: Sequence[str]) -> Iterator[int]:
    """A worker's tests: between the modules of the short ones the long ones, evenly."""
    done, begun = 0, 0
    for _, module in groupby(short, key=lambda place: modules[place]):
        while begun < len(long) and done >= begun * _EARLY * len(short) / len(long):
            yield from long[begun]
            begun += 1
        places = list(module)
        yield from places
        done += len(places)
    for group in long[begun:]:
        yield from group
