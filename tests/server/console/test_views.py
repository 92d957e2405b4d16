from __future__ import annotations

from datetime import timedelta

import pytest

from pi_auto.server.console.views import arrival, waiting
from pi_auto.server.console.words import ago, lasting
from support.api import NOW


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "just now"), (0.4, "just now"), (1, "1 s ago"), (119.9, "119 s ago"), (120, "2 min ago"),
        (7199, "119 min ago"), (7200, "2 h ago"), (172799, "47 h ago"), (172800, "2 days ago"),
    ],
)  # fmt: skip
def test_how_long_ago_is_told_in_the_largest_unit_that_fits_twice(seconds: float, words: str) -> None:
    assert ago(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0354, "35 ms"),
        (1.24, "1.2 s"),
        (12.5, "12 s"),
        (300, "5 min"),
        (7300, "2 h"),
        (200000, "2 days"),
    ],
)
def test_a_delay_is_a_few_characters(seconds: float, words: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == words


def test_a_scan_that_has_not_come_by_a_way_has_no_arrival() -> None:
    assert arrival(NOW, None, trusted=True) is None


def test_no_delay_is_told_where_the_clock_was_not_set() -> None:
    told = arrival(NOW, NOW, trusted=False)
    assert told is not None
    assert told.delay == ""
    assert "the delay is not known" in told.told


def test_no_delay_is_told_where_the_clocks_disagree() -> None:
    told = arrival(NOW, NOW - timedelta(milliseconds=1234), trusted=True)
    assert told is not None
    assert told.delay == ""
    assert "1,234 ms or more ahead" in told.told


@pytest.mark.parametrize(
    ("reported", "depth"),
    [
        ({"queue": {"api": {"waiting": 3}, "hub": {"waiting": 7, "oldest_age_seconds": 1.5}}}, 7),
        ({"queue": {"api": {"waiting": 0}}}, 0),
        ({"queue": {"trouble": "the spool cannot be read"}}, None),
        ({"queue": {"api": {"waiting": "9"}, "hub": {"waiting": True}, "x": {"waiting": -1}}}, None),
        ({"queue": {"api": {"waiting": 1.5}, "hub": {"waiting": None}, "x": {"waiting": []}}}, None),
        ({"queue": {}}, None), ({"queue": []}, None), ({"queue": 5}, None),
        ({}, None), ([], None), (None, None), ("x", None),
    ],
)  # fmt: skip
def test_the_queue_is_the_longest_one_a_device_reports_whatever_else_it_reports(
    reported: object, depth: int | None
) -> None:
    assert waiting(reported) == depth
