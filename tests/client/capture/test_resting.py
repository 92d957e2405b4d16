"""What is done for the spool while no scan comes, so that no scan has to wait for it."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.capture.resting import Rest
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.schema import FILE_NAME, LOG_BYTES
from pi_auto.client.spool.writer import Spool
from support.spools import draft, held, texts
from support.waiting import wait_until

MANY = 120


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool.open(tmp_path, system_clock())
    yield spool
    spool.close()


def log_of(folder: Path) -> Path:
    return folder / f"{FILE_NAME}-wal"


def size_of_log(folder: Path) -> int:
    return log_of(folder).stat().st_size


def rested(rest: Rest, spool: Spool) -> bool:
    rest.work(spool)
    return rest.seconds_left() == math.inf


def has_spare_room() -> bool:
    return False


def is_full() -> bool:
    return True


def test_a_second_after_the_start_the_log_has_its_full_length(tmp_path: Path, spool: Spool) -> None:
    rest = Rest(has_spare_room)
    rest.opened()
    assert 0 < rest.seconds_left() <= 1
    rest.work(spool)
    assert size_of_log(tmp_path) == 0  # not yet: a scan may come
    wait_until(lambda: rested(rest, spool))
    assert 0.9 * LOG_BYTES < size_of_log(tmp_path) <= LOG_BYTES


def test_scans_are_written_into_that_room(tmp_path: Path, spool: Spool) -> None:
    spool.append([draft("A")])
    spool.make_room()
    length = size_of_log(tmp_path)
    for number in range(MANY):
        spool.append([draft(f"{number}")])
    assert size_of_log(tmp_path) == length
    assert texts(held(tmp_path)) == ["A", *map(str, range(MANY))]
    assert spool.newest.number == MANY + 1


def test_the_room_is_used_again_once_the_log_was_moved(tmp_path: Path, spool: Spool) -> None:
    spool.make_room()
    length = size_of_log(tmp_path)
    for _ in range(6):
        for number in range(MANY):
            spool.append([draft(f"{number}")])
        spool.move_log()
    assert size_of_log(tmp_path) == length
    assert len(held(tmp_path)) == 6 * MANY


def test_after_many_scans_the_log_is_moved_once_they_pause(tmp_path: Path, spool: Spool) -> None:
    rest = Rest(has_spare_room)
    rest.opened()
    wait_until(lambda: rested(rest, spool))
    spool.append([draft("A")])
    rest.stored(1)
    assert rest.seconds_left() == math.inf  # for a few nothing is to be done
    spool.append([draft(f"{number}") for number in range(MANY)])
    rest.stored(MANY)
    before = (tmp_path / FILE_NAME).stat().st_size
    wait_until(lambda: rested(rest, spool))
    assert (tmp_path / FILE_NAME).stat().st_size > before


def test_on_a_disk_without_room_to_spare_none_is_taken(tmp_path: Path, spool: Spool) -> None:
    rest = Rest(is_full)
    rest.opened()
    wait_until(lambda: rested(rest, spool))
    assert size_of_log(tmp_path) < LOG_BYTES / 10


def test_a_reader_at_work_hinders_neither(tmp_path: Path, spool: Spool) -> None:
    spool.append([draft("A")])
    with SpoolReader(tmp_path) as reader:
        assert len(reader.read(0, 10)) == 1
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM records").fetchall()
        spool.make_room()
        spool.append([draft("B")])
        spool.move_log()
        other.execute("ROLLBACK")
        other.close()
        assert len(reader.read(0, 10)) == 2


WORK = """
import sys
from pathlib import Path
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.writer import Spool
from support.spools import draft
spool = Spool.open(Path(sys.argv[1]), system_clock())
for number in range(10_000):
    spool.append([draft(str(number))])
    print(number, flush=True)
    spool.make_room()
    if number % 3 == 0:
        spool.move_log()
"""


@pytest.mark.parametrize("lines", [1, 2, 5, 9])
def test_killed_in_the_middle_of_it_nothing_that_was_stored_is_lost(tmp_path: Path, lines: int) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "tests"])}
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        told = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    spool = Spool.open(tmp_path, system_clock())
    kept = texts(held(tmp_path))
    assert kept[: len(told)] == [str(number) for number in told]
    assert len(kept) <= len(told) + 1
    assert spool.append([draft("next")])[0].position.number == len(kept) + 1
    spool.close()
