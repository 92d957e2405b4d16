"""Appending and pruning: what was appended is there, under a number that no other record ever gets."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from pi_auto.client.capture.housekeeping import KEEP_SECONDS
from pi_auto.client.spool.drafts import ScanDraft
from pi_auto.client.spool.errors import SpoolRefused
from pi_auto.client.spool.lock import sole_writer
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.ids import Position
from support.clocks import PiClocks
from support.records import SCANNER, START, stamp
from support.spools import draft, filled, held, lost, texts

LATER = START.timestamp() + 1000


def test_drafts_become_records_with_numbers_from_1(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    records = spool.append([draft("A"), lost(), draft("B")])
    assert [record.position for record in records] == [Position(spool.uuid, n) for n in (1, 2, 3)]
    assert spool.append([draft("C")])[0].position.number == 4
    assert held(tmp_path)[:3] == records
    spool.close()


def test_a_spool_that_is_opened_again_goes_on_under_its_name(tmp_path: Path) -> None:
    first = filled(tmp_path, "A")
    first.close()
    second = filled(tmp_path, "B")
    second.close()
    assert second.uuid == first.uuid
    assert [record.position.number for record in held(tmp_path)] == [1, 2]


def test_a_draft_that_is_appended_twice_is_stored_once(tmp_path: Path) -> None:
    """A commit may have worked although it has reported an error; the clerk then tries again."""
    spool = Spool.open(tmp_path, stamp)
    first, second = draft("A"), draft("B")
    before = spool.append([first])
    assert spool.append([first, second])[0] == before[0]
    spool.close()
    assert texts(held(tmp_path)) == ["A", "B"]


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_told_as_stored_in_a_file_that_nobody_will_read(tmp_path: Path, *, replaced: bool) -> None:
    """Deleted or replaced under its writer, a database takes commits as ever."""
    spool = filled(tmp_path, "A")
    for part in tmp_path.glob(f"{FILE_NAME}*"):
        part.unlink()
    if replaced:
        filled(tmp_path, "another").close()
    scan = draft("B")
    with pytest.raises(OSError, match=FILE_NAME):
        spool.append([scan])
    spool.close()
    again = Spool.open(tmp_path, stamp)
    again.append([scan])
    again.close()
    assert texts(held(tmp_path)) == (["another", "B"] if replaced else ["B"])


def test_of_a_failed_append_nothing_is_stored(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    spool._connection.execute("PRAGMA max_page_count=12")  # a disk that is full
    with pytest.raises(sqlite3.OperationalError, match="full"):
        spool.append([draft("x" * 8000) for _ in range(10)])
    assert spool.append([draft("A")])[0].position.number == 1
    spool.close()
    assert texts(held(tmp_path)) == ["A"]


@pytest.mark.parametrize(
    ("settled", "stored_before", "gone"),
    [(3, LATER, 3), (5, LATER, 5), (9, LATER, 5), (0, LATER, 0), (5, 0.0, 0)],
)
def test_only_what_is_settled_and_old_is_pruned(
    tmp_path: Path, settled: int, stored_before: float, gone: int
) -> None:
    spool = filled(tmp_path, *"ABCDE")
    assert spool.prune(settled, stored_before=stored_before) == gone
    spool.give_back_room()
    spool.close()
    assert texts(held(tmp_path)) == list("ABCDE"[gone:])


def test_what_a_damaged_disk_has_made_of_the_time_of_a_record_holds_no_pruning_up(tmp_path: Path) -> None:
    spool = filled(tmp_path, *"ABCDE")
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as disk:
        disk.execute("UPDATE records SET stored_at = 'soon' WHERE number = 2")
        disk.execute("UPDATE records SET stored_at = x'00', body = x'00' WHERE number = 3")
    assert spool.prune(4, stored_before=LATER) == 4
    spool.close()
    assert texts(held(tmp_path)) == ["E"]


def test_what_was_scanned_while_the_clock_was_days_behind_is_no_older_for_that(tmp_path: Path) -> None:
    """A Pi that was off for a month goes on with the time of before until the network sets its clock."""
    pi = PiClocks()
    spool = Spool.open(tmp_path, pi.now)
    spool.append([ScanDraft(str(uuid4()), SCANNER, b"A", "A", pi.now())])
    pi.pass_by(60)
    pi.sync()
    week_ago = pi.now().wall_time.timestamp() - KEEP_SECONDS
    assert spool.prune(1, stored_before=week_ago) == 0
    pi.pass_by(KEEP_SECONDS)
    assert spool.prune(1, stored_before=week_ago + KEEP_SECONDS) == 1
    spool.close()


def test_no_number_is_given_twice_even_after_all_were_pruned(tmp_path: Path) -> None:
    spool = filled(tmp_path, *"ABC")
    spool.prune(3, stored_before=LATER)
    assert spool.append([draft("D")])[0].position.number == 4
    spool.prune(4, stored_before=LATER)
    spool.close()
    with SpoolReader(tmp_path) as reader:
        assert (reader.oldest(), reader.newest()) == (5, 4)
    again = filled(tmp_path, "E")
    again.close()
    assert [record.position.number for record in held(tmp_path)] == [5]


def test_pruning_gives_room_back_to_the_disk(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    spool.append([draft("x" * 8000) for _ in range(200)])
    spool.give_back_room()
    before = (tmp_path / FILE_NAME).stat().st_size
    assert spool.prune(200, stored_before=LATER) == 200
    spool.give_back_room()
    assert (tmp_path / FILE_NAME).stat().st_size < before / 10
    spool.close()


def test_a_spool_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path, "A").close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
    connection.close()
    with pytest.raises(SpoolRefused, match="schema 2; this program knows 1"):
        Spool.open(tmp_path, stamp)
    assert texts(held(tmp_path)) == ["A"]


def test_a_second_writer_is_kept_away_until_the_first_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi_auto.client.alone.PATIENCE", 0.2)
    with (
        sole_writer(tmp_path),
        pytest.raises(SpoolRefused, match="in use by another capture"),
        sole_writer(tmp_path),
    ):
        pass
    with sole_writer(tmp_path):
        pass


APPENDER = """
import sys
from contextlib import closing
from pathlib import Path
from pi_auto.client.spool.writer import Spool
from support.records import stamp
from support.spools import draft

spool = Spool.open(Path(sys.argv[1]), stamp)
while True:
    records = spool.append([draft(), draft()])
    print(*(f"{record.position.number}:{record.uuid}" for record in records), flush=True)
"""


def test_whatever_was_told_as_stored_survives_sigkill_at_any_moment(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    told: list[str] = []
    for _ in range(6):
        told += lines_until_killed(tmp_path, dice.randrange(1, 60))
        stored = [f"{record.position.number}:{record.uuid}" for record in held(tmp_path)]
        assert set(told) <= set(stored)
        assert [int(line.partition(":")[0]) for line in stored] == list(range(1, len(stored) + 1))
    assert len(told) > 12


def lines_until_killed(folder: Path, lines: int) -> list[str]:
    """What an appending process has told when it is killed, after some lines or a little later."""
    command = [sys.executable, "-c", APPENDER, str(folder)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    return [word for line in told if line.endswith("\n") for word in line.split()]
