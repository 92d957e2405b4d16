"""What housekeeping prunes, and that scans that come meanwhile do not wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.capture.housekeeping import KEEP_SECONDS, Housekeeper, is_low, prune
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.ids import Position
from support.spools import draft, held, texts

MIB = 1024 * 1024


def never() -> bool:
    return False


def always() -> bool:
    return True


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool.open(tmp_path, system_clock())
    for text in "ABCDE":
        plain = draft(text)
        spool.append([replace(plain, stamp=replace(plain.stamp, wall_time=datetime.now(UTC)))])
    yield spool
    spool.close()


def make_old(spool: Spool, through: int) -> None:
    change = "UPDATE records SET stored_at = stored_at - ? WHERE number <= ?"
    spool._connection.execute(change, (int(KEEP_SECONDS * 1000) + 1, through))


def test_settled_scans_stay_seven_days(spool: Spool, tmp_path: Path) -> None:
    make_old(spool, 2)
    assert prune(spool, 4, never, never) == 2
    assert texts(held(tmp_path)) == list("CDE")


def test_on_a_full_disk_younger_settled_ones_go_but_no_undelivered_one(spool: Spool, tmp_path: Path) -> None:
    assert prune(spool, 3, always, never) == 3
    assert texts(held(tmp_path)) == list("DE")


def test_it_is_broken_off_when_a_scan_waits(spool: Spool, tmp_path: Path) -> None:
    make_old(spool, 5)
    assert prune(spool, 5, always, always) == 0
    assert texts(held(tmp_path)) == list("ABCDE")


@pytest.mark.parametrize(
    ("free", "total", "low"),
    [(255 * MIB, 32_000 * MIB, True), (257 * MIB, 32_000 * MIB, False), (60 * MIB, 1_000 * MIB, False)],
)
def test_a_disk_is_low_under_256_mib_or_5_percent_whichever_is_less(free: int, total: int, low: bool) -> None:
    assert is_low(free, total) is low


def test_a_round_prunes_by_the_agents_marks_and_not_without_them(spool: Spool, tmp_path: Path) -> None:
    make_old(spool, 5)
    keeper = Housekeeper(tmp_path, tmp_path / "marks.sqlite")
    keeper.work(spool, never)
    assert texts(held(tmp_path)) == list("ABCDE")

    marks = Marks(tmp_path / "marks.sqlite")
    marks.set_active("api", True)
    marks.set_active("hub", False)
    marks.advance("api", Position(spool.uuid, 4))
    keeper.work(spool, never)
    marks.close()
    assert texts(held(tmp_path)) == ["E"]
    assert keeper.seconds_left() > 500
