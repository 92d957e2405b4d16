from __future__ import annotations

import pytest

from pi_auto.server.scans.settling import MOST_ASKED, Progress, settle


@pytest.mark.parametrize(
    ("before", "batch", "through", "resend_from"),
    [
        (Progress(0), (1, 5, 1), 5, None),  # the first batch of a spool
        (Progress(5), (6, 9, 1), 9, None),  # the next
        (Progress(9), (6, 9, 1), 9, None),  # the same again: the answer was lost
        (Progress(9), (8, 12, 1), 12, None),  # overlapping
        (Progress(0), (6, 9, 1), 0, 1),  # new books: the device has all of it
        (Progress(5), (8, 9, 1), 5, 6),  # restored books: some are missing
        (Progress(5), (8, 9, 7), 6, 7),  # the device has dropped number 6 itself
        (Progress(5), (8, 9, 8), 9, None),  # and 7: nothing is left to ask for
        (Progress(5, asked=2), (6, 9, 1), 9, None),  # it came
    ],
)
def test_a_gap_is_asked_for_as_far_as_the_device_has_it(
    before: Progress, batch: tuple[int, int, int], through: int, resend_from: int | None
) -> None:
    step = settle(before, *batch)
    assert (step.progress.through, step.resend_from) == (through, resend_from)


@pytest.mark.parametrize(
    ("before", "batch", "lost"),
    [
        (Progress(5), (6, 9, 1), None),
        (Progress(5), (8, 9, 7), (6, 6)),
        (Progress(0), (11, 20, 11), (1, 10)),
        (Progress(5, asked=MOST_ASKED), (8, 9, 1), (6, 7)),
    ],
)
def test_what_cannot_come_any_more_is_told(
    before: Progress, batch: tuple[int, int, int], lost: tuple[int, int] | None
) -> None:
    step = settle(before, *batch)
    assert step.lost == lost
    assert bool(step.reason) is bool(lost)


def test_a_device_that_never_sends_the_gap_is_not_asked_for_ever() -> None:
    progress, asked = Progress(5), 0
    for number in range(8, 20):
        step = settle(progress, number, number, 1)
        progress, asked = step.progress, asked + (step.resend_from is not None)
    assert asked == MOST_ASKED
    assert progress == Progress(19)


def test_the_count_of_asking_begins_anew_with_the_next_gap() -> None:
    step = settle(Progress(5, asked=2), 6, 8, 1)
    assert step.progress == Progress(8, asked=0)
