"""The spool of another machine is put away whole, and a new one begun."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pi_auto.client.clock import system_clock
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.client.spool.retiring import retired
from pi_auto.client.spool.writer import Spool
from support.spools import draft


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
