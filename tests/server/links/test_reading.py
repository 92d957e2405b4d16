"""Whether events are read, and how often what is in the way is told."""

from __future__ import annotations

import pytest

from pi_auto.server.links.reading import Pulses, Reading


def test_it_is_read_once_it_has_begun_and_nothing_has_failed_for_a_while() -> None:
    now = [0.0]
    reading = Reading(20, lambda: now[0])
    states = [reading.state()]
    for moment, happens in (
        (1, reading.goes_on),
        (2, lambda: reading.failed(OSError("away"))),
        (3, reading.goes_on),
        (21, None),
        (22, None),
    ):
        now[0] = moment
        if happens:
            happens()
        states.append(reading.state())
    assert states == [None, True, False, False, False, True]


def test_a_hub_that_is_away_is_not_read_however_long_the_pauses_between_two_tries() -> None:
    now = [0.0]
    reading = Reading(20, lambda: now[0])
    reading.goes_on()
    for moment in (1, 61):
        now[0] = moment
        reading.failed(OSError("away"))
    now[0] = 120
    assert reading.state() is False


def test_events_that_come_prove_it_at_once() -> None:
    reading = Reading(20, lambda: 0.0)
    reading.failed(OSError("away"))
    reading.arrived()
    assert reading.state() is True


def test_one_cause_is_told_once_in_ten_minutes_and_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    reading = Reading(20, lambda: now[0])
    for moment in (0, 300, 599, 601, 700):
        now[0] = moment
        reading.failed(OSError("away\nand gone"))
        reading.arrived()
    assert [line.getMessage() for line in caplog.records] == [
        "the hub's events cannot be read: OSError: away and gone"
    ] * 2


def test_a_partition_that_shows_nothing_for_too_long_is_named() -> None:
    now = [0.0]
    pulses = Pulses(10, lambda: now[0])
    for partition in ("0", "1", "2", "3"):
        pulses.beat(partition)
    pulses.leave("2")  # it is being booked, which may take long
    now[0] = 8
    pulses.beat("1")
    now[0] = 11
    assert pulses.silent() == ["0", "3"]
