"""One scanner with several nodes: the same code by two of them is one scan, by one of them twice is two."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_auto.client.capture.codes import Code, Lost
from pi_auto.client.capture.desk import Desk
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.clock import system_clock
from support.keys import MS, START
from support.records import SCANNER

POS, KEYS, LINE = Path("/dev/hidraw0"), Path("/dev/input/event0"), Path("/dev/ttyACM0")
Came = tuple[Path, str, int]

CASES: dict[str, tuple[list[Came], list[bool]]] = {
    "by two nodes at once": ([(POS, "A", 0), (KEYS, "A", 40)], [True, False]),
    "by the slower one first": ([(KEYS, "A", 40), (POS, "A", 0)], [True, False]),
    "by three": ([(POS, "A", 0), (LINE, "A", 5), (KEYS, "A", 40)], [True, False, False]),
    "twice by one": ([(POS, "A", 0), (POS, "A", 40)], [True, True]),
    "twice, by two nodes each": (
        [(POS, "A", 0), (POS, "A", 300), (KEYS, "A", 30), (KEYS, "A", 330)], [True, True, False, False],
    ),
    "by two, but another code": ([(POS, "A", 0), (KEYS, "B", 10)], [True, True]),
    "by another node later": ([(POS, "A", 0), (KEYS, "A", 1500)], [True, True]),
    "typed long after it was sent": ([(POS, "x" * 3000, 0), (KEYS, "x" * 3000, 12_000)], [True, False]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_code_is_a_scan_unless_it_came_already(case: str) -> None:
    desk, (came, taken) = Desk(Drafter(SCANNER, system_clock())), CASES[case]
    drafts = [desk.take(Code(text, text.encode(), START + at * MS), node) for node, text, at in came]
    assert [draft is not None for draft in drafts] == taken


def test_a_loss_is_always_told() -> None:
    desk = Desk(Drafter(SCANNER, system_clock()))
    assert all(desk.take(Lost("x", START), node) for node in (POS, KEYS, POS))
