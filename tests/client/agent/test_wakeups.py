from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pi_auto.client.agent.wakeups import Reason, Wakeups


@pytest.fixture
def wakeups() -> Iterator[Wakeups]:
    made = Wakeups()
    yield made
    made.close()


def seconds_asleep(wakeups: Wakeups, seconds: float, until: Reason = Reason.STOP) -> float:
    began = time.monotonic()
    wakeups.sleep(seconds, until)
    return time.monotonic() - began


def test_a_wakeup_before_the_sleep_is_not_lost(wakeups: Wakeups) -> None:
    wakeups.wake(Reason.RECORD)
    assert seconds_asleep(wakeups, 30, Reason.RECORD) < 5


def test_a_wakeup_during_the_sleep_ends_it(wakeups: Wakeups) -> None:
    threading.Timer(0.05, wakeups.wake, (Reason.STANDING,)).start()
    assert seconds_asleep(wakeups, 30, Reason.RECORD | Reason.STANDING) < 5


def test_a_pause_is_not_cut_short_by_records(wakeups: Wakeups) -> None:
    wakeups.wake(Reason.RECORD)
    assert seconds_asleep(wakeups, 0.1, Reason.STANDING) >= 0.1
    assert wakeups.take(Reason.RECORD) == Reason.RECORD


def test_stopping_ends_every_sleep_for_good(wakeups: Wakeups) -> None:
    wakeups.wake(Reason.STOP)
    for until in (Reason.STOP, Reason.RECORD, Reason.STANDING):
        assert seconds_asleep(wakeups, 30, until) < 5
    assert wakeups.stopped


def test_waking_after_closing_does_nothing() -> None:
    wakeups = Wakeups()
    wakeups.close()
    wakeups.wake(Reason.RECORD)
