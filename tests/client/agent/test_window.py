from __future__ import annotations

from random import Random

import pytest

from pi_auto.client.agent.hub.window import Window
from pi_auto.wire.ids import Position
from support.records import SPOOL


def at(number: int) -> Position:
    return Position(SPOOL, number)


def window(*numbers: int, size: int = 20) -> Window:
    """A window with messages under way whose tokens are a hundred more than their numbers."""
    made = Window(size)
    for number in numbers:
        made.sent(at(number), 100 + number, now=float(number))
    return made


@pytest.mark.parametrize(
    ("acknowledged", "settled"),
    [
        ([], None),
        ([1], 1),
        ([2], None),
        ([2, 3, 1], 3),
        ([1, 3], 1),
        ([3, 2, 1, 4], 4),
        ([1, 1, 1], 1),
        ([77], None),
    ],
)
def test_the_mark_moves_over_an_unbroken_run_only(acknowledged: list[int], settled: int | None) -> None:
    under_way = window(1, 2, 3, 4)
    for number in acknowledged:
        under_way.acknowledged(100 + number)
    assert under_way.settle() == (at(settled) if settled else None)
    assert under_way.settle() is None


def test_there_is_room_for_as_many_as_it_holds() -> None:
    under_way = window(1, 2, 3, size=3)
    assert under_way.room == 0
    under_way.acknowledged(101)
    under_way.settle()
    assert under_way.room == 1


def test_an_item_that_was_set_aside_holds_up_nothing_and_jumps_no_queue() -> None:
    under_way = window(1)
    under_way.skipped(at(2))
    assert under_way.settle() is None
    under_way.acknowledged(101)
    assert under_way.settle() == at(2)


def test_the_oldest_message_under_way_tells_how_long_the_hub_is_silent() -> None:
    under_way = window(1, 2)
    assert under_way.waiting_since == 1.0
    under_way.acknowledged(101)
    under_way.settle()
    assert under_way.waiting_since == 2.0


def test_in_any_order_of_acknowledgements_every_message_is_settled_once_and_in_order(rng: Random) -> None:
    for _ in range(200):
        numbers = list(range(1, rng.randint(2, 20)))
        under_way, settled = window(*numbers), []
        for number in rng.sample(numbers, len(numbers)):
            under_way.acknowledged(100 + number)
            settled.append(under_way.settle())
        moved = [position.number for position in settled if position]
        assert moved == sorted(set(moved))
        assert moved[-1] == numbers[-1]
