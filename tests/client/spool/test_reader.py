"""Reading a spool while it is written, after its writer was killed, and where rows make no sense."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import SpoolReader, Unreadable
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Scan
from support.records import clock_after, stamp
from support.spools import draft, filled, held, lost

CLOCK = clock_after(100)
YEAR = 31_536_000  # seconds
ANOTHER = "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"  # boot


def numbers(rows: object) -> list[int]:
    assert isinstance(rows, list)
    return [row.position.number for row in rows]


def test_an_empty_spool_has_a_name_and_nothing_else(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    with SpoolReader(tmp_path) as reader:
        assert reader.uuid() == spool.uuid
        assert (reader.oldest(), reader.newest()) == (1, 0)
        assert reader.read(0, 10) == []
        assert reader.oldest_age(0, CLOCK) is None
    spool.close()


def test_records_are_seen_as_soon_as_they_are_stored(tmp_path: Path) -> None:
    spool = filled(tmp_path)
    with SpoolReader(tmp_path) as reader:
        for number in (1, 2, 3):
            (stored,) = spool.append([draft() if number != 2 else lost()])
            assert reader.read(number - 1, 10) == [stored]
        assert numbers(reader.read(0, 2)) == [1, 2]
        assert numbers(reader.read(2, 2)) == [3]
        assert (reader.oldest(), reader.newest()) == (1, 3)
        assert (
            reader.oldest_age(2, CLOCK) == 99.0
        )  # by the stamp, which says that it was scanned one second after the boot
    spool.close()


AGES = {
    "in this boot": (clock_after(100), 99.0),
    "in this boot, and the clock was set back by a year": (clock_after(100, stepped=-YEAR), 99.0),
    "in this boot, and the clock was set ahead by a year": (clock_after(100, stepped=YEAR), 99.0),
    "in this boot, later than it is": (clock_after(0), 0.0),
    "in an earlier boot": (clock_after(100, boot=ANOTHER, stepped=50), 149.0),
    "in an earlier boot, and the clock is ahead": (clock_after(100, boot=ANOTHER, stepped=YEAR), YEAR + 99.0),
    "in an earlier boot, and the clock stands before it": (clock_after(50, boot=ANOTHER, stepped=-YEAR), 50.0),
}


@pytest.mark.parametrize("name", AGES)
def test_how_long_a_scan_waits_is_told_by_the_clock_that_never_steps(tmp_path: Path, name: str) -> None:
    clock, age = AGES[name]
    filled(tmp_path, "A").close()
    with SpoolReader(tmp_path) as reader:
        assert reader.oldest_age(0, clock) == age


def test_how_long_waits_what_cannot_be_read_is_told_by_the_wall_clock(tmp_path: Path) -> None:
    filled(tmp_path, "A").close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE records SET body = 'torn'")
    with SpoolReader(tmp_path) as reader:
        assert reader.oldest_age(0, clock_after(100)) == 99.0
        assert reader.oldest_age(0, clock_after(100, stepped=-YEAR)) == 0.0


@pytest.mark.parametrize("body", ["'torn'", "5", "x'7b7d'"])
def test_a_record_whose_time_a_damaged_disk_has_made_a_text_has_waited_for_this_boot(
    tmp_path: Path, body: str
) -> None:
    filled(tmp_path, "A").close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(f"UPDATE records SET body = {body}, stored_at = 'soon'")  # noqa: S608 - from above
    with SpoolReader(tmp_path) as reader:
        assert reader.oldest_age(0, clock_after(100)) == 100.0
        (unreadable,) = reader.read(0, 10)
    assert isinstance(unreadable, Unreadable)


def test_a_week_without_a_server_is_read_a_page_at_a_time(tmp_path: Path) -> None:
    spool = filled(tmp_path, "A")
    (first,) = held(tmp_path)
    spool.close()
    body = json.dumps(first.to_json() | {"uuid": "UUID", "number": 7777777}, separators=(",", ":"))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
            "INSERT INTO records SELECT i, u, 'scan', replace(replace(?, 'UUID', u), '7777777', i), i * 1000 FROM "
            "(SELECT i, printf('%08x-0000-4000-8000-000000000000', i) u FROM n)",
            (body.replace(first.position.spool, "SPOOL"),),
        )
        connection.execute("UPDATE records SET body = replace(body, 'SPOOL', ?)", (first.position.spool,))
    with SpoolReader(tmp_path) as reader:
        tracemalloc.start()
        began = time.process_time()  # others may keep the machine busy
        assert (reader.oldest(), reader.newest()) == (1, 200_000)
        for after in (0, 100_000, 199_500):
            page = reader.read(after, 500)
            assert numbers(page) == list(range(after + 1, after + 501))
            assert all(isinstance(row, Scan) for row in page)
        assert reader.oldest_age(150_000, CLOCK) == 99.0
        assert time.process_time() - began < 2.0
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()


def test_a_spool_is_read_after_its_writer_was_killed(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from support.spools import filled
filled(Path({str(tmp_path)!r}), "A", "B")
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == -9
    assert (tmp_path / f"{FILE_NAME}-wal").exists()
    with SpoolReader(tmp_path) as reader:
        assert numbers(reader.read(0, 10)) == [1, 2]
        spool = filled(tmp_path, "C")
        assert numbers(reader.read(0, 10)) == [1, 2, 3]
        spool.close()


def test_a_reader_leaves_the_file_as_it_is_and_cannot_write(tmp_path: Path) -> None:
    filled(tmp_path, "A").close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with SpoolReader(tmp_path) as reader:
        reader.read(0, 10)
        assert reader._connection
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM records")
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_missing_or_unreadable_spool_is_unavailable_until_it_is_there(tmp_path: Path) -> None:
    with SpoolReader(tmp_path) as reader:
        with pytest.raises(SpoolUnavailable, match="is not there"):
            reader.read(0, 10)
        (tmp_path / FILE_NAME).write_bytes(os.urandom(10_000))
        with pytest.raises(SpoolUnavailable, match="not a database"):
            reader.uuid()
        spool = filled(tmp_path, "A")
        assert isinstance(reader.read(0, 10)[-1], Scan)
        spool.close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "uuid is missing"),
        (b"\xff\xfe", "Expecting value"),
        (None, "another position or uuid"),
    ],
)
def test_a_row_without_a_record_blocks_nothing(tmp_path: Path, body: str | bytes | None, reason: str) -> None:
    spool = filled(tmp_path, "A", "B", "C")
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    if body is None:
        connection.execute(
            "UPDATE records SET body = (SELECT body FROM records WHERE number = 1) WHERE number = 2"
        )
    else:
        connection.execute("UPDATE records SET body = CAST(? AS TEXT) WHERE number = 2", (body,))
    connection.close()
    with SpoolReader(tmp_path) as reader:
        first, second, third = reader.read(0, 10)
    spool.close()
    assert isinstance(second, Unreadable)
    assert reason in second.reason
    assert numbers([first, second, third]) == [1, 2, 3]
