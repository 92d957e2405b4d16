from __future__ import annotations

import pytest

from pi_auto.client.agent.delivery.lane import Item, Stretch
from pi_auto.client.agent.delivery.parcel import Parcel
from pi_auto.client.agent.errors import Garbled
from pi_auto.client.spool.reader import Unreadable
from pi_auto.wire.batch import Acknowledgement, Batch, Refusal
from pi_auto.wire.errors import FieldError
from pi_auto.wire.ids import Position
from support.records import SPOOL, incident, scan, scans

OTHER = "99999999-2222-4333-8444-555555555555"
BAD = FieldError("x", "y", "z")


def unreadable(number: int) -> Unreadable:
    return Unreadable(Position(SPOOL, number), f"uuid {number}", "garbage", "is no record")


def parcel(*items: Item) -> Parcel:
    return Parcel.pack(Stretch(SPOOL, items))


def settled(number: int, spool: str = SPOOL, *refused: Refusal) -> Acknowledgement:
    return Acknowledgement(Position(spool, number), refused)


def test_a_parcel_holds_as_many_as_it_may() -> None:
    stretch = Stretch(SPOOL, tuple(scans(*"abcde")))
    assert [item.position.number for item in Parcel.pack(stretch, most=3).items] == [1, 2, 3]


def test_a_parcel_is_closed_before_it_gets_too_large_but_never_empty() -> None:
    stretch = Stretch(SPOOL, tuple(scans("a" * 4000, "b", "c" * 4000)))
    assert len(Parcel.pack(stretch, most_bytes=12_000).items) == 2
    assert len(Parcel.pack(stretch, most_bytes=1).items) == 1


def test_a_batch_is_what_the_wire_allows_and_the_server_reads() -> None:
    items = (scan(number=4), incident(number=5), unreadable(6), scan(number=7))
    batch = Batch.from_json(parcel(*items).batch("pi-1", oldest=2).to_json())
    assert (batch.first, batch.through, batch.oldest) == (4, 7, 2)
    assert (batch.scans, batch.incidents, batch.refused) == ((items[0], items[3]), (items[1],), ())


def test_a_frame_covers_the_same_numbers_without_their_records() -> None:
    frame = parcel(*scans("a", "b")).frame("pi-1", oldest=1)
    assert (frame.first, frame.through, frame.scans, frame.incidents) == (1, 2, (), ())


@pytest.mark.parametrize(
    "answer",
    [
        settled(2, OTHER), settled(3), settled(0), settled(2**60),
        settled(2, SPOOL, Refusal("scans", 2, BAD)), settled(2, SPOOL, Refusal("incidents", 0, BAD)),
    ],
    ids=["another spool", "beyond", "before", "far beyond", "no such scan", "no such incident"],
)  # fmt: skip
def test_an_acknowledgement_of_what_was_not_sent_settles_nothing(answer: Acknowledgement) -> None:
    with pytest.raises(Garbled):
        parcel(*scans("a", "b")).settlement(answer)


def test_what_was_refused_or_cannot_be_read_is_set_aside_with_its_reason() -> None:
    items = (unreadable(1), scan(number=2), incident(number=3), scan(number=4))
    answer = settled(4, SPOOL, Refusal("scans", 1, BAD), Refusal("incidents", 0, BAD))
    aside = parcel(*items).settlement(answer).aside
    assert [(one.item, one.reason) for one in aside] == [
        (items[0], "is no record"), (items[3], str(BAD)), (items[2], str(BAD)),
    ]  # fmt: skip


def test_half_an_acknowledgement_settles_that_half() -> None:
    items = (scan(number=1), unreadable(2))
    settlement = parcel(*items).settlement(settled(1))
    assert (settlement.through, settlement.aside) == (Position(SPOOL, 1), ())
