"""The agent looks when the clock is set, keeps that, and sends what it could not date before once more."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.timekeeping.boots import stored_boots
from pi_auto.client.agent.timekeeping.timekeeper import Timekeeper
from pi_auto.client.clock import boottime_ns, read_clock
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Scan
from support.clocks import EPOCH, PiClocks
from support.stored import StoredScans

Sent = list[Scan]


@pytest.fixture
def pi() -> PiClocks:
    return PiClocks()


@pytest.fixture
def reader(stored: StoredScans) -> Iterator[SpoolReader]:
    with SpoolReader(stored.folder) as opened:
        yield opened


class Sender:
    """An agent in small: what its lane has ahead is sent and settled."""

    def __init__(self, destination: str, times: Timekeeper, reader: SpoolReader, marks: Marks) -> None:
        self.times = times
        self._lane = Lane(destination, reader, marks, times)

    def send(self) -> Sent:
        sent = [item for item in self._lane.ahead(1000).items if isinstance(item, Scan)]
        if sent:
            self._lane.settle(sent[-1].position)
        return sent


@pytest.fixture
def start(tmp_path: Path, pi: PiClocks, reader: SpoolReader, marks: Marks) -> Callable[..., Sender]:
    """Start an agent, as at each boot."""
    return lambda destination=API: Sender(destination, Timekeeper(tmp_path, pi.read), reader, marks)


def off_by(sent: Scan, real: datetime) -> float:
    """Seconds that a scan's time is off, which must lie within its own bound."""
    assert sent.corrected_time is not None
    assert sent.time_error_ms is not None
    off = abs((sent.corrected_time - real).total_seconds())
    assert off * 1000 <= sent.time_error_ms
    return off


def test_a_scan_before_the_clock_is_set_is_sent_with_its_time(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    pi.pass_by(10)
    stored.scan_at(pi.now(), "early")
    real = pi.real
    pi.pass_by(50)
    pi.sync()
    stored.scan_at(pi.now(), "late")
    early, late = start().send()
    assert off_by(early, real) < 0.001
    assert early.time_error_ms == 525
    assert late.corrected_time is None


def test_what_left_before_the_clock_was_set_goes_to_the_server_once_more(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    agent = start()
    pi.pass_by(10)
    stored.scan_at(pi.now(), "A", "B")
    assert [scan.corrected_time for scan in agent.send()] == [None, None]
    assert agent.send() == []
    pi.sync()
    again = agent.send()
    assert [scan.text for scan in again] == ["A", "B"]
    assert all(off_by(scan, pi.real) < 0.001 for scan in again)
    assert agent.send() == []


def test_the_hub_gets_nothing_twice(stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]) -> None:
    agent = start(HUB)
    stored.scan_at(pi.now(), "A")
    agent.send()
    pi.sync()
    assert agent.send() == []


def test_what_is_owed_outlives_the_agent(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender], tmp_path: Path
) -> None:
    stored.scan_at(pi.now(), "A")
    start().send()
    assert stored_boots(tmp_path).owed == Position(stored.spool.uuid, 1)
    pi.sync()
    assert [scan.text for scan in start().send()] == ["A"]
    assert stored_boots(tmp_path).owed is None


def test_scan_before_time_sync_reboot_sync(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    pi.sync()
    agent = start()
    agent.times.look()
    pi.pass_by(100)
    agent.times.close()
    pi.be_off_for(60)
    pi.pass_by(20)
    stored.scan_at(pi.now(), "never synced in its boot")
    real = pi.real
    pi.pass_by(20)
    start().times.close()
    pi.be_off_for(30)
    agent = start()
    assert agent.send()[0].corrected_time is None
    pi.pass_by(5)
    pi.sync()
    (sent,) = agent.send()
    assert off_by(sent, real) <= 45.6
    assert sent.time_error_ms is not None
    assert 45_000 <= sent.time_error_ms <= 46_000  # half of the 90 s it was off


def test_neighbours_are_known_from_the_spool_where_the_agent_never_ran(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    pi.sync()
    pi.pass_by(100)
    stored.scan_at(pi.now(), "synced")
    pi.be_off_for(1000)
    pi.pass_by(20)
    stored.scan_at(pi.now(), "between")
    real = pi.real
    pi.be_off_for(1000)
    pi.sync()
    _, between = start().send()
    off_by(between, real)
    assert between.time_error_ms is not None
    assert between.time_error_ms < 1_020_000


def test_scans_of_several_boots_without_a_clock_keep_their_order(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    pi.sync()
    stored.scan_at(pi.now(), "first")
    real = []
    for boot in range(3):
        pi.be_off_for(100 * boot + 1)
        for _ in range(3):
            pi.pass_by(30)
            stored.scan_at(pi.now(), "unknown")
            real.append(pi.real)
    pi.be_off_for(10)
    pi.sync()
    _, *sent = start().send()
    times = [scan.corrected_time for scan in sent]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    for scan, moment in zip(sent, real, strict=True):
        off_by(scan, moment)


@pytest.mark.parametrize("step", [timedelta(days=365), timedelta(days=-365)])
def test_a_clock_stepped_by_a_year_spoils_no_time_and_no_order(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender], step: timedelta
) -> None:
    agent = start()
    pi.pass_by(5)
    pi.sync()
    agent.times.look()
    real = []
    for deed in (None, step, None, -step, None):
        pi.pass_by(10)
        if deed is not None:
            pi.step(deed)
        stored.scan_at(pi.now(), "scan")
        real.append(pi.real)
    sent = agent.send()
    assert [scan.position.number for scan in sent] == [1, 2, 3, 4, 5]
    times = [scan.corrected_time or scan.stamp.wall_time for scan in sent]
    assert all(abs(told - moment) < timedelta(seconds=1) for told, moment in zip(times, real, strict=True))


def test_a_network_that_told_a_wrong_year_is_overruled_by_the_next(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    agent = start()
    pi.sync()
    pi.step(timedelta(days=365))
    pi.synced = True
    agent.times.look()
    stored.scan_at(pi.now(), "a year off, and called synced")
    real = pi.real
    pi.pass_by(60)
    pi.sync()
    assert off_by(agent.send()[0], real) < 0.001


def test_the_clock_is_noted_once_and_again_only_when_it_was_stepped(
    pi: PiClocks, start: Callable[..., Sender], tmp_path: Path
) -> None:
    agent = start()
    pi.sync()
    agent.times.look()
    noted = (tmp_path / "boots.json").stat().st_ino
    pi.pass_by(1000)
    agent.times.look()
    assert (tmp_path / "boots.json").stat().st_ino == noted
    pi.wall += timedelta(seconds=2)
    agent.times.look()
    assert (tmp_path / "boots.json").stat().st_ino != noted


def test_what_lies_in_the_spool_is_never_changed(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender], reader: SpoolReader
) -> None:
    taken = stored.scan_at(pi.now(), "A")
    pi.sync()
    assert start().send()[0].corrected_time is not None
    assert reader.read(0, 10) == taken


def test_rows_that_make_no_sense_tell_nothing_of_boots(stored: StoredScans, reader: SpoolReader) -> None:
    stored.scan("A")
    stored.incident()
    with closing(sqlite3.connect(stored.folder / FILE_NAME)) as connection, connection:
        for number, body in enumerate(("", "{", "[]", '{"stamp": {"boot_id": 1}}', '{"stamp": []}'), 3):
            row = (number, str(number), "scan", body, 0)
            connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)
    (boot,) = reader.boots()
    assert boot.trusted is not None


def test_a_full_disk_keeps_no_scan_from_its_time(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender], tmp_path: Path
) -> None:
    agent = start()
    (tmp_path / "boots.json").unlink()
    (tmp_path / "boots.json").mkdir()
    stored.scan_at(pi.now(), "A")
    pi.sync()
    assert agent.send()[0].corrected_time == pi.real


def test_this_machines_clocks_are_read_at_one_moment() -> None:
    before, reading, after = boottime_ns(), read_clock(), boottime_ns()
    assert before <= reading.boottime_ns <= after
    wall = EPOCH + timedelta(microseconds=(reading.boottime_ns + reading.offset_ns) // 1000)
    assert abs(datetime.now(UTC) - wall) < timedelta(seconds=5)
    assert reading.error_ms >= 0


def test_without_a_time_server_scans_get_the_time_that_the_fleet_has_signed(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    pi.pass_by(10)
    stored.scan_at(pi.now(), "early")
    real = pi.real
    sender = start()
    (unknown,) = sender.send()
    assert unknown.corrected_time is None
    pi.pass_by(5)
    sender.times.told(pi.real, pi.boottime_ns - 400_000_000, pi.boottime_ns)
    (repeated,) = start().send()
    assert off_by(repeated, real) <= 0.2
    assert repeated.time_error_ms == 703  # half a second, half of what the answer took, and 500 ppm


def test_what_the_network_has_set_counts_for_more_than_what_the_fleet_has_signed(
    pi: PiClocks, start: Callable[..., Sender]
) -> None:
    times = start().times
    pi.sync()
    times.told(pi.real + timedelta(hours=1), pi.boottime_ns, pi.boottime_ns)
    assert not times.this_boot().by_fleet


def test_a_network_that_sets_the_clock_later_counts_for_more_again(
    pi: PiClocks, start: Callable[..., Sender]
) -> None:
    times = start().times
    times.told(pi.real, pi.boottime_ns, pi.boottime_ns)
    assert times.this_boot().by_fleet
    pi.pass_by(60)
    pi.sync()
    times.look()
    assert not times.this_boot().by_fleet


def test_a_network_that_is_proven_wrong_dates_no_scan(
    stored: StoredScans, pi: PiClocks, start: Callable[..., Sender]
) -> None:
    sender = start()
    pi.sync()
    pi.wall += timedelta(days=3650)  # as a forged time server has it
    sender.times.look()
    stored.scan_at(pi.now(), "in ten years, and called synced")
    real = pi.real
    pi.pass_by(60)
    sender.times.told(pi.real, pi.boottime_ns, pi.boottime_ns, overrules=True)
    assert off_by(sender.send()[0], real) < 0.001
    pi.wall += timedelta(days=365)  # and once more
    stored.scan_at(pi.now(), "in eleven years")
    assert off_by(sender.send()[0], pi.real) < 0.001
    pi.sync()
    sender.times.look()
    assert not sender.times.this_boot().by_fleet  # what the network says counts again: it is near the truth


def test_the_narrower_of_two_answers_counts(pi: PiClocks, start: Callable[..., Sender]) -> None:
    pi.pass_by(60)
    times = start().times
    times.told(pi.real, pi.boottime_ns, pi.boottime_ns)
    narrow = times.this_boot()
    times.told(pi.real, pi.boottime_ns - 8_000_000_000, pi.boottime_ns)
    assert times.this_boot() == narrow


def test_who_told_the_time_is_kept(tmp_path: Path, pi: PiClocks, start: Callable[..., Sender]) -> None:
    start().times.told(pi.real, pi.boottime_ns, pi.boottime_ns)
    (row,) = stored_boots(tmp_path).rows
    assert row.by_fleet
