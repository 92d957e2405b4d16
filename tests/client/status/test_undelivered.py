from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from pi_auto.client.settings import Settings
from pi_auto.client.spool.destinations import API, HUB
from pi_auto.client.spool.marks import Marks
from pi_auto.client.spool.replacing import set_aside
from pi_auto.client.spool.retiring import retire
from pi_auto.client.status.undelivered import undelivered
from support.stored import StoredScans


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(state=tmp_path_factory.mktemp("state"))


@pytest.fixture
def stored(settings: Settings) -> Iterator[StoredScans]:
    """A device with three scans."""
    settings.agent_folder.mkdir()
    stored = StoredScans(settings.state)
    stored.scan("one", "two", "three")
    yield stored
    stored.close()


def mark(settings: Settings, stored: StoredScans, *, hub_in_use: bool | None, **through: int) -> None:
    with closing(Marks(settings.agent_folder / "marks.sqlite")) as marks:
        if hub_in_use is not None:
            marks.set_active(HUB, hub_in_use)
        records = stored.scan("four", "five")
        for way, number in through.items():
            marks.advance(way, records[number - 4].position)


def test_a_device_that_never_scanned_loses_nothing(settings: Settings) -> None:
    assert undelivered(settings) == 0
    settings.capture_folder.mkdir()
    assert undelivered(settings) == 0


def test_without_an_agent_nothing_is_delivered(settings: Settings, stored: StoredScans) -> None:
    assert undelivered(settings) == 3
    stored.close()
    assert undelivered(settings) == 3


def test_the_slower_way_counts(settings: Settings, stored: StoredScans) -> None:
    mark(settings, stored, hub_in_use=True, **{API: 5, HUB: 4})
    assert undelivered(settings) == 1


def test_a_way_that_nothing_is_known_of_yet_counts(settings: Settings, stored: StoredScans) -> None:
    mark(settings, stored, hub_in_use=None, **{API: 5})
    assert undelivered(settings) == 5


def test_a_way_out_of_use_waits_for_nothing(settings: Settings, stored: StoredScans) -> None:
    mark(settings, stored, hub_in_use=False, **{API: 5})
    assert undelivered(settings) == 0


def test_a_spool_that_cannot_be_read_is_not_taken_for_empty(settings: Settings) -> None:
    settings.capture_folder.mkdir()
    (settings.capture_folder / "spool.sqlite").write_text("scans")
    assert undelivered(settings) is None


def test_a_spool_that_was_set_aside_is_not_taken_for_nothing(settings: Settings, stored: StoredScans) -> None:
    stored.close()
    set_aside(settings.capture_folder, "broken")
    assert undelivered(settings) is None


def test_a_spool_that_was_put_away_is_not_taken_for_nothing(settings: Settings, stored: StoredScans) -> None:
    """The card is in another machine, and capture has not begun a spool there yet: the disk is full, say."""
    stored.close()
    retire(settings.capture_folder, stored.spool.uuid)
    assert undelivered(settings) is None


@pytest.mark.parametrize(("octets", "waiting"), [(b"", 3), (b"\xa5" * 100, None)], ids=["whole", "damaged"])
def test_a_former_spool_counts_whether_or_not_it_can_be_read(
    settings: Settings, stored: StoredScans, octets: bytes, waiting: int | None
) -> None:
    stored.close()
    retire(settings.capture_folder, stored.spool.uuid)
    (file,) = settings.capture_folder.glob("former/*/spool.sqlite")
    with file.open("r+b") as opened:
        opened.write(octets)
    StoredScans(settings.state).close()
    assert undelivered(settings) == waiting


def test_marks_that_cannot_be_read_are_not_taken_for_anything(settings: Settings, stored: StoredScans) -> None:
    stored.close()
    (settings.agent_folder / "marks.sqlite").write_text("marks" * 1000)
    assert undelivered(settings) is None
