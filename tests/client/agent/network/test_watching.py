from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pi_auto.client.agent.network import watching
from pi_auto.client.agent.network.own_link import OwnLink
from pi_auto.client.agent.network.watching import Watching
from pi_auto.client.agent.wakeups import Reason, Wakeups
from support.waiting import wait_until


class Watched:
    """A watch over a link that is what the test says, by a kernel that never knocks."""

    def __init__(self) -> None:
        self.link: OwnLink = frozenset({"eth0"})
        self.looks = self.changes = 0
        self.wakeups = Wakeups()
        watch = Watching(self.wakeups, self._changed, self._look)
        if watch._knocks:
            watch._knocks.close()
        watch._knocks = None
        self.thread = threading.Thread(target=watch.run)
        self.thread.start()

    def _changed(self) -> None:
        self.changes += 1

    def _look(self) -> OwnLink:
        self.looks += 1
        return self.link


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(watching, "_LOOK_UNHEARD", 0.01)
    made = Watched()
    yield made
    made.wakeups.wake(Reason.STOP)
    made.thread.join(5)
    assert not made.thread.is_alive()
    made.wakeups.close()


def test_a_link_that_stays_as_it_is_is_no_change(watched: Watched) -> None:
    wait_until(lambda: watched.looks > 10, what="some looks")
    assert watched.changes == 0


def test_each_other_link_is_one_change_even_where_the_kernel_never_knocks(watched: Watched) -> None:
    watched.link = frozenset()
    wait_until(lambda: watched.changes == 1, what="the link to be missed")
    watched.link = frozenset({"wlan0"})
    wait_until(lambda: watched.changes == 2, what="the new link to be noticed")
    before = watched.looks
    wait_until(lambda: watched.looks > before + 5, what="some more looks")
    assert watched.changes == 2
