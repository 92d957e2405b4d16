"""What a program tells of itself is there while it runs in this boot, and never taken for news of another."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from pi_auto.client.bulletin import FILE, Bulletin, posts_in


def test_the_latest_news_of_each_topic_can_be_read(tmp_path: Path) -> None:
    bulletin = Bulletin(tmp_path)
    bulletin.post("hub", {"ok": False})
    bulletin.post("scanners", ["a"])
    bulletin.post("hub", {"ok": True})
    told = posts_in(tmp_path)
    assert told["hub"].news == {"ok": True}
    assert told["scanners"].news == ["a"]


def test_what_is_no_news_keeps_its_time_and_is_not_written(tmp_path: Path) -> None:
    bulletin = Bulletin(tmp_path)
    bulletin.post("hub", {"ok": True})
    before, written = posts_in(tmp_path)["hub"], (tmp_path / FILE).stat().st_ino
    bulletin.post("hub", {"ok": True})
    assert posts_in(tmp_path)["hub"] == before
    assert (tmp_path / FILE).stat().st_ino == written


def test_a_program_that_ended_tells_nothing(tmp_path: Path) -> None:
    bulletin = Bulletin(tmp_path)
    bulletin.post("hub", {"ok": True})
    bulletin.take_down()
    assert posts_in(tmp_path) == {}


def test_nothing_is_believed_of_another_boot(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    told = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(told | {"boot": "another"}))
    assert posts_in(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', "\0" * 4096])
def test_a_file_that_a_power_cut_left_tells_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert posts_in(tmp_path) == {}


def test_it_is_not_for_everybody(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o640


def test_a_folder_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    Bulletin(tmp_path / "not there").post("hub", {"ok": True})
    assert posts_in(tmp_path / "not there") == {}
