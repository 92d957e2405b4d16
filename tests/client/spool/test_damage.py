"""A spool that is broken: set aside and kept, salvaged, begun anew under another name, and the loss reported."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.client.spool.errors import SpoolDamaged
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.replacing import SET_ASIDE, set_aside
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Incident, Record, Scan
from support.records import stamp
from support.spools import draft, filled, held, texts

PAGE = 4096
CODES = [f"CODE-{number:04d}" for number in range(200)]


def overwrite(path: Path, at: int, octets: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(octets)


def noise(count: int) -> bytes:
    """The same each time: of what is drawn anew, one page in a hundred would begin as a sound one does."""
    return random.Random(count).randbytes(count)


def pages_overwritten(path: Path) -> None:
    for page in range(8, 14):
        overwrite(path, page * PAGE, noise(PAGE))


def half_cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def header_garbled(path: Path) -> None:
    overwrite(path, 0, b"\xa5" * 100)


def first_pages_garbled(path: Path) -> None:
    overwrite(path, 0, b"\xa5" * 3 * PAGE)


def made_empty(path: Path) -> None:
    path.write_bytes(b"")


def made_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def made_another_file(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes(name)")
    connection.close()


def meta_emptied(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM meta")
    connection.close()


def said(key: str, value: object) -> Callable[[Path], None]:
    """What one turned bit of a row, or of its header, may make of it: nothing that SQLite notices."""

    def damage(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", (key, value))
        connection.close()

    return damage


def break_spool(folder: Path, damage: Callable[[Path], None]) -> tuple[str, list[Record]]:
    spool = filled(folder, "first")
    spool.append([draft(code) for code in CODES])
    spool.close()
    before = held(folder)
    damage(folder / FILE_NAME)
    return spool.uuid, before


@pytest.mark.parametrize(
    ("damage", "saved"),
    [
        (pages_overwritten, 150),
        (half_cut_off, 80),
        (header_garbled, 201),
        (first_pages_garbled, 180),
        (made_empty, 0),
        (made_zeros, 0),
        (made_another_file, 0),
        (meta_emptied, 201),
        (said("next", "q02"), 201),
        (said("next", b"202"), 201),
        (said("next", "9" * 30), 201),
        (said("next", "9" * 5000), 201),
        (said("schema", "\xb2"), 201),
        (said("schema", b"\0"), 201),
        (said("uuid", b"\0"), 201),
    ],
)
def test_a_broken_spool_is_set_aside_and_what_can_be_read_goes_on_in_a_new_one(
    tmp_path: Path, damage: Callable[[Path], None], saved: int
) -> None:
    former, before = break_spool(tmp_path, damage)
    broken = (tmp_path / FILE_NAME).read_bytes()
    spool = Spool.open(tmp_path, stamp)
    after = spool.append([draft("next")])
    spool.close()

    (kept,) = (tmp_path / SET_ASIDE).glob(f"*/{FILE_NAME}")
    assert kept.read_bytes() == broken
    assert spool.uuid != former
    *salvaged, incident, following = held(tmp_path)
    assert isinstance(incident, Incident)
    assert incident.type == "spool_replaced"
    assert f"salvaged {len(salvaged)} records" in incident.reason
    assert [following] == after
    assert len(salvaged) >= saved
    assert content(salvaged) <= content(before)
    assert {record.position.spool for record in held(tmp_path)} == {spool.uuid}
    assert [record.position.number for record in held(tmp_path)] == list(range(1, len(salvaged) + 3))
    assert texts(salvaged) == sorted(texts(salvaged), key=["first", *CODES].index)


def content(records: list[Record]) -> set[tuple[str, bytes]]:
    return {(record.uuid, record.digest()) for record in records if isinstance(record, Scan)}


def test_a_spool_that_is_whole_stays_in_place(tmp_path: Path) -> None:
    filled(tmp_path, "A").close()
    filled(tmp_path, "B").close()
    assert not (tmp_path / SET_ASIDE).exists()


def test_damage_met_while_appending_or_checking_is_told_as_damage(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    spool.append([draft(code) for code in CODES])
    spool.give_back_room()  # out of the log, into the file
    overwrite(tmp_path / FILE_NAME, PAGE, noise(60 * PAGE))
    spool._connection.execute("PRAGMA shrink_memory")
    with pytest.raises(SpoolDamaged):
        spool.check(lambda: False)
    with pytest.raises(SpoolDamaged):
        spool.append([draft()])
    spool.close()


def test_a_check_that_is_given_up_says_nothing(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    spool.append([draft(code) for code in CODES * 5])
    spool.check(lambda: True)
    spool.append([draft()])
    spool.close()


def test_a_spool_that_has_lost_its_end_gives_no_acknowledged_number_again(tmp_path: Path) -> None:
    """A card that lies about fsync takes the last commits with it: number 3 must not come a second time."""
    former = filled(tmp_path, "A", "B")
    former.close()
    spool = Spool.open(tmp_path, stamp, lambda uuid: 3 if uuid == former.uuid else 0)
    spool.close()
    assert spool.uuid != former.uuid
    *salvaged, incident = held(tmp_path)
    assert texts(salvaged) == ["A", "B"]
    assert isinstance(incident, Incident)
    assert "ends at number 2, but 3 was acknowledged" in incident.reason


def killed_after_moving_the_file(folder: Path) -> None:
    place = folder / SET_ASIDE / "20260101T000000Z-1"
    place.mkdir(parents=True)
    (folder / FILE_NAME).rename(place / FILE_NAME)


def killed_before_moving_the_file(folder: Path) -> None:
    (folder / SET_ASIDE / "20260101T000000Z-1").mkdir(parents=True)
    header_garbled(folder / FILE_NAME)


def killed_before_building(folder: Path) -> None:
    set_aside(folder, "test")


def killed_while_building(folder: Path) -> None:
    set_aside(folder, "test")
    (folder / "spool.new.sqlite").write_bytes(b"half of it")
    (folder / "spool.new.sqlite-journal").write_bytes(b"half of it")


def killed_before_marking(folder: Path) -> None:
    set_aside(folder, "test")
    Spool.open(folder, stamp).close()
    (marker,) = (folder / SET_ASIDE).glob("*/salvaged")
    marker.unlink()


def killed_before_marking_and_broken_again(folder: Path) -> None:
    killed_before_marking(folder)
    header_garbled(folder / FILE_NAME)


@pytest.mark.parametrize(
    "crash",
    [
        killed_after_moving_the_file,
        killed_before_moving_the_file,
        killed_before_building,
        killed_while_building,
        killed_before_marking,
        killed_before_marking_and_broken_again,
    ],
)
def test_a_crash_while_a_spool_is_replaced_loses_nothing(tmp_path: Path, crash: Callable[[Path], None]) -> None:
    live, folder = tmp_path / "live", tmp_path / "folder"
    live.mkdir()
    spool = filled(live, "A", "B")
    folder.mkdir()
    for part in live.iterdir():  # with its log, as a kill leaves it
        shutil.copy(part, folder / part.name)
    spool.close()
    assert (folder / f"{FILE_NAME}-wal").stat().st_size > 0

    crash(folder)
    for text in ("C", "D"):
        filled(folder, text).close()
    assert texts(held(folder)) == ["A", "B", "C", "D"]
    assert len(list(folder.glob(f"{SET_ASIDE}/*/{FILE_NAME}"))) >= 1


def test_a_reader_that_holds_the_broken_spool_sees_the_new_one(tmp_path: Path) -> None:
    former, _ = break_spool(tmp_path, lambda _: None)
    with SpoolReader(tmp_path) as reader:
        assert reader.uuid() == former
        set_aside(tmp_path, "test")
        spool = filled(tmp_path, "new")
        assert reader.uuid() == spool.uuid
        assert texts([row for row in reader.read(200, 10) if isinstance(row, Scan)])[-1] == "new"
        spool.close()
