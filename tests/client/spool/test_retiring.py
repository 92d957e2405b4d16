"""The spool of another machine is put away whole, and a new one begun."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_auto.client.clock import system_clock
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.replacing import SET_ASIDE
from pi_auto.client.spool.retiring import NOTE, retired
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Incident
from support.spools import draft, held, texts


def opened(folder: Path, machine: str | None) -> Spool:
    return Spool.open(folder, system_clock(), machine=machine)


def test_a_moved_card_begins_a_new_spool_and_keeps_the_former_one_whole(tmp_path: Path) -> None:
    before, tmp_path = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    spool = opened(before, "one")
    spool.append([draft("A"), draft("B")])
    uuid = spool.uuid
    shutil.copytree(before, tmp_path)  # with its log: the power went
    spool.close()
    other = opened(tmp_path, "other")
    assert other.uuid != uuid
    assert other.newest.number == 0
    ((folder, machine),) = retired(tmp_path)
    assert machine == "one"
    with SpoolReader(folder) as reader:
        assert (reader.uuid(), reader.newest()) == (uuid, 2)
    assert opened(tmp_path, "other").uuid == other.uuid


def test_a_spool_of_before_is_that_of_the_machine_that_it_is_found_on(tmp_path: Path) -> None:
    seen = []
    for machine in (None, "one", None, "other"):
        spool = opened(tmp_path, machine)
        seen.append(spool.uuid)
        spool.close()
    assert seen[0] == seen[1] == seen[2] != seen[3]


def test_the_agent_reads_no_spool_of_another_machine(tmp_path: Path) -> None:
    opened(tmp_path, "one").close()
    with SpoolReader(tmp_path, "one") as mine, SpoolReader(tmp_path, "other") as others:
        assert mine.newest() == 0
        with pytest.raises(SpoolUnavailable, match="another machine"):
            others.newest()


def header_garbled(spool: Path) -> None:
    with spool.open("r+b") as file:
        file.write(b"\xa5" * 100)


def end_lost(spool: Path) -> None:
    """As by a card that lies about fsync: more was acknowledged than there is."""


def moved(folder: Path, damage: Callable[[Path], None]) -> Spool:
    """The card of machine "one", with three scans, is found damaged where it starts in another machine."""
    spool = opened(folder, "one")
    spool.append([draft("A"), draft("B"), draft("C")])
    spool.close()
    damage(folder / FILE_NAME)
    return Spool.open(folder, system_clock(), lambda _: 9 if damage is end_lost else 0, "other")


@pytest.mark.parametrize("damage", [header_garbled, end_lost])
def test_a_card_that_is_damaged_and_moved_keeps_its_scans_under_the_former_name(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    spool = moved(tmp_path, damage)
    assert spool.newest.number == 0
    ((folder, machine),) = retired(tmp_path)
    assert machine == "one"
    *scans, incident = held(folder)
    assert texts(scans) == ["A", "B", "C"]
    assert isinstance(incident, Incident)
    assert {record.position.spool for record in scans} == {folder.name}
    spool.close()
    assert opened(tmp_path, "other").uuid == spool.uuid
    assert len(list(retired(tmp_path))) == 1


def test_a_card_that_is_damaged_where_it_was_keeps_its_scans(tmp_path: Path) -> None:
    spool = opened(tmp_path, "one")
    spool.append([draft("A")])
    spool.close()
    header_garbled(tmp_path / FILE_NAME)
    opened(tmp_path, "one").close()
    assert texts(held(tmp_path)) == ["A"]
    assert list(retired(tmp_path)) == []


def test_a_note_of_another_spool_says_nothing(tmp_path: Path) -> None:
    """The power went between the beginning of a spool and its note."""
    spool = opened(tmp_path, "other")
    former = (tmp_path / NOTE).read_text()
    spool.close()
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    spool = opened(tmp_path, "one")
    spool.append([draft("A")])
    spool.close()
    (tmp_path / NOTE).write_text(former)
    header_garbled(tmp_path / FILE_NAME)
    opened(tmp_path, "one").close()
    assert texts(held(tmp_path)) == ["A"]


def test_a_power_cut_before_it_is_noted_that_they_are_put_away_repeats_it(tmp_path: Path) -> None:
    moved(tmp_path, header_garbled).close()
    for left in (*tmp_path.glob(f"{SET_ASIDE}/*/salvaged"), *tmp_path.glob(f"{FILE_NAME}*")):
        left.unlink()
    spool = opened(tmp_path, "other")
    assert spool.newest.number == 0
    once, again = (held(folder) for folder, _ in retired(tmp_path))
    assert texts(once) == texts(again) == ["A", "B", "C"]
    # Under the same uuids, by which the server sees it.
    assert {record.uuid for record in once[:3]} == {record.uuid for record in again[:3]}


def test_a_full_disk_keeps_no_note_and_stores_all_the_same(tmp_path: Path) -> None:
    (tmp_path / NOTE).mkdir()
    spool = opened(tmp_path, "one")
    spool.append([draft("A")])
    spool.close()
    assert texts(held(tmp_path)) == ["A"]
