from __future__ import annotations

from datetime import timedelta

import pytest

from pi_auto.server.fleet.connections import MOST_CONNECTS, Connections, order_of, step
from pi_auto.wire.hublink import CONNECTED, DISCONNECTED, Event
from support.api import NOW

Said = tuple[str, int, int]  # what, its number, seconds since NOW


def take(*events: Said) -> Connections:
    known = Connections()
    for kind, number, seconds in events:
        known = step(known, kind, NOW + timedelta(seconds=seconds), f"{number:064X}") or known
    return known


@pytest.mark.parametrize(
    ("events", "connected", "disconnected", "connects"),
    [
        ([(CONNECTED, 1, 0)], 0, None, 1),
        ([(CONNECTED, 1, 0), (DISCONNECTED, 2, 9)], 0, 9, 1),
        ([(DISCONNECTED, 2, 9), (CONNECTED, 1, 0)], None, 9, 0),  # it came too late to matter
        ([(CONNECTED, 1, 0), (CONNECTED, 3, 9), (DISCONNECTED, 2, 9)], 9, None, 2),  # a takeover, out of order
        ([(CONNECTED, 1, 0), (CONNECTED, 1, 0)], 0, None, 1),  # it came again
        ([(CONNECTED, 900, 0), (CONNECTED, 3, 3600)], 3600, None, 2),  # the log of a restored backup
        ([(CONNECTED, 900, 0), (DISCONNECTED, 3, 30)], 0, None, 1),
    ],
)
def test_the_newest_of_a_device_is_the_newest_by_the_hubs_order(
    events: list[Said], connected: int | None, disconnected: int | None, connects: int
) -> None:
    known = take(*events)
    seconds = [
        None if moment is None else (moment - NOW).total_seconds()
        for moment in (known.connected_at, known.disconnected_at)
    ]
    assert (seconds, len(known.connects)) == ([connected, disconnected], connects)


def test_few_connects_are_kept() -> None:
    assert len(take(*((CONNECTED, n, n) for n in range(1, 100))).connects) == MOST_CONNECTS


def test_iot_hubs_own_number_orders_before_that_of_the_partition() -> None:
    azures = "000000000000000001D4132452F67CE200000002000000000000000000000001"
    said = [
        order_of(Event(5, CONNECTED, "pi-1", "", body={"sequenceNumber": azures})),
        order_of(Event(5, CONNECTED, "pi-1", "", body={"sequenceNumber": azures[:-1] + "a"})),
        order_of(Event(4, CONNECTED, "pi-1", "")),
        order_of(Event(16, CONNECTED, "pi-1", "", body={"sequenceNumber": 5})),
    ]
    assert said[2] < said[3] < said[0] < said[1]
    assert {len(order) for order in said} == {64}
