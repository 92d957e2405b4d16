"""The time of a scan in the server's books, whatever the Pi's clock said when it was scanned."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.delivery.api import ApiDelivery
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.enrolment.identity import identity_of
from pi_auto.client.agent.enrolment.registration import register
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.agent.wakeups import Wakeups
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.endpoint import Endpoint
from pi_auto.client.spool.destinations import API
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.simulator.program import Program
from support.clocks import PiClocks
from support.stored import StoredScans


class Pi:
    """A device whose clocks a test has in hand; its agent delivers to a real server when told to."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.clocks = url, PiClocks()
        self.stored = StoredScans(folder / "state")
        self._agent = folder / "state" / "agent"
        self._agent.mkdir()
        self._api = ServerApi(Endpoint.of(url))
        self._identity = identity_of(self._agent, "pi-1a2b3c4d")
        self._given = register(self._api, self._identity, {})
        self.truth: dict[str, datetime] = {}

    def scan(self, text: str) -> None:
        self.stored.scan_at(self.clocks.now(), text)
        self.truth[text] = self.clocks.real

    def deliver(self) -> None:
        """What an agent does between its start and its end."""
        rng, wakeups, marks = Random(1), Wakeups(), Marks(self._agent / "marks.sqlite")
        times = Timekeeper(self._agent, self.clocks.read)
        standing = Standing(self._given, rng, 300.0, asked=lambda: None, changed=lambda: None)
        with SpoolReader(self.stored.folder) as reader:
            lane = Lane(API, reader, marks, times)
            telling = Telling(Bulletin(self._agent))
            delivery = ApiDelivery(self._identity.device_id, lane, self._api, standing, wakeups, rng, telling)
            while delivery.deliver_next():
                pass
        times.close()
        marks.close()
        wakeups.close()

    def booked(self) -> dict[str, dict[str, Any]]:
        """The server's scans by their text, which must come in the order they were scanned."""
        with urllib.request.urlopen(f"{self.url}/api/scans?order=oldest", timeout=10) as answer:
            scans = json.load(answer)["scans"]
        assert [scan["number"] for scan in scans] == sorted(scan["number"] for scan in scans)
        return {scan["text"]: scan for scan in scans}

    def close(self) -> None:
        self._api.close()
        self.stored.close()


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Pi]:
    server = Program(
        "pi_auto.server.cli", "run",
        "--data", str(tmp_path / "data"), "--trust", "off", "--http", "127.0.0.1:0", "--hub-mqtt", "off",
        log=tmp_path / "server.log",
    )  # fmt: skip
    device = Pi(tmp_path, f"http://{server.start()['http']}")
    yield device
    device.close()
    server.stop()


def test_scan_before_time_sync_reboot_sync_is_booked_with_its_time_and_a_bound(pi: Pi) -> None:
    pi.clocks.sync()
    pi.scan("in a boot with a clock")
    pi.clocks.be_off_for(600)
    pi.clocks.pass_by(30)
    pi.scan("in a boot that never had one")
    pi.clocks.be_off_for(600)
    pi.clocks.pass_by(10)
    pi.scan("before the clock was set")
    pi.deliver()
    assert {scan["synced"] for scan in list(pi.booked().values())[1:]} == {False}
    pi.clocks.pass_by(10)
    pi.clocks.step(timedelta(days=365))
    pi.scan("after a step by hand")
    pi.clocks.sync()
    pi.scan("at last")
    pi.deliver()
    booked = pi.booked()
    assert booked.keys() == pi.truth.keys()
    for text, scan in booked.items():
        off = abs(datetime.fromisoformat(scan["scanned_at"]) - pi.truth[text])
        assert off <= timedelta(milliseconds=scan["time_error_ms"] or 0), text
        assert not scan["flagged"]
    bounds = [scan["time_error_ms"] for scan in booked.values()]
    assert bounds[0] is None
    assert bounds[4] is None
    assert max(bounds[2], bounds[3]) <= 510
    assert 600_000 <= bounds[1] <= 617_000
