"""What the server keeps for a time goes when that is over, and not when a clock says so that is years ahead."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from pi_auto.server.audit.reading import KEPT
from pi_auto.server.audit.tables import audit
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.calls.bundles import KEPT_FOR, Bundles
from pi_auto.server.housekeeping import House
from support.api import Api

YEARS = timedelta(days=3650)


@dataclass
class Server:
    """A server that runs, and is started anew; wall clock and running time go on together unless told."""

    api: Api
    ran: float = 0.0

    def starts(self) -> None:
        self.house = House(self.api.context, lambda: self.ran)
        self.house.tidy()

    def runs(self, time: timedelta) -> None:
        """Run for so long, and look every ten days, and at the end."""
        while time:
            step = min(time, timedelta(days=10))
            self.ran, self.api.clock.now, time = (
                self.ran + step.total_seconds(),
                self.api.clock.now + step,
                time - step,
            )
            self.house.tidy()

    def notes(self, *subjects: str) -> None:
        for subject in subjects:
            row = partial(note, entry=Entry("ann", "revoke", subject, "done"), now=self.api.clock.now)
            self.api.context.writer.submit(row).result(10)

    def trail(self) -> list[str]:
        return [row.subject for row in self.api.rows(audit)]


@pytest.fixture
def server(api: Api) -> Server:
    made = Server(api)
    made.starts()
    return made


def test_the_audit_trail_is_kept_for_two_years_of_running_and_not_much_longer(server: Server) -> None:
    server.notes("first")
    server.house.tidy()
    server.runs(KEPT - timedelta(days=1))
    server.notes("second")
    assert server.trail() == ["first", "second"]
    server.runs(timedelta(days=25))
    assert server.trail() == ["second"]


def test_a_clock_that_is_years_ahead_takes_nothing_of_the_trail(server: Server) -> None:
    server.notes("before")
    server.runs(timedelta(days=30))
    server.api.clock.now += YEARS
    server.starts()
    server.notes("ahead")
    server.runs(timedelta(days=30))
    server.api.clock.now -= YEARS
    server.starts()
    assert server.trail() == ["before", "ahead"]


def test_a_server_whose_clock_is_behind_at_each_start_lets_old_rows_go_all_the_same(server: Server) -> None:
    """As of a machine without a battery, until it has asked for the time."""
    server.notes("first")
    for _ in range(80):
        right = server.api.clock.now
        server.api.clock.now -= YEARS
        server.starts()
        server.api.clock.now = right
        server.runs(timedelta(days=10))
    assert server.trail() == []


def test_a_large_trail_is_pruned_in_short_steps(server: Server) -> None:
    row = {
        "at": server.api.clock.now, "actor": "ann", "action": "a", "subject": "s", "outcome": "o", "detail": {},
        "times": 1,
    }  # fmt: skip
    writer = server.api.context.writer
    writer.submit(lambda books: books.execute(audit.insert(), [row] * 12_000).rowcount).result(20)
    server.house.tidy()
    server.api.clock.now += KEPT + timedelta(days=30)
    server.house.tidy()
    assert len(server.trail()) == 12_000
    server.runs(KEPT + timedelta(days=20))
    assert server.trail() == []


def test_bundles_are_kept_for_a_month_of_running_and_a_clock_ahead_takes_none(server: Server) -> None:
    bundles = Bundles(server.api.context.settings.data)
    _take(bundles, "first", server)
    server.api.clock.now += YEARS
    server.starts()
    _take(bundles, "ahead", server)
    server.house.tidy()
    assert {each.request for each in bundles.all("pi-1")} == {"first", "ahead"}
    server.runs(KEPT_FOR + timedelta(days=11))
    assert bundles.all("pi-1") == []


def _take(bundles: Bundles, request: str, server: Server) -> None:
    """A bundle that comes now, by the server's clock."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("about.txt", "fine")
    packed.seek(0)
    now = server.api.clock.now.timestamp()
    os.utime(bundles.take("pi-1", request, packed, None).path, (now, now))
