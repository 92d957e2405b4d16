"""What a program tells of itself is there while it runs in this boot, and never taken for news of another."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.bulletin import FILE, Bulletin, posts_in
from support.waiting import wait_until

SOON = timedelta(seconds=5)


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
    assert abs(posts_in(tmp_path)["hub"].since - before.since) < timedelta(milliseconds=10)
    assert (tmp_path / FILE).stat().st_ino == written


def test_it_is_told_since_when_something_is_well_or_not_whatever_else_is_said_of_it(tmp_path: Path) -> None:
    bulletin = Bulletin(tmp_path)
    bulletin.post("hub", {"ok": False, "said": "refused"})
    since = raw(tmp_path)["posts"]["hub"]["since"]
    bulletin.post("hub", {"ok": False, "said": "timed out"})
    assert raw(tmp_path)["posts"]["hub"] == {"since": since, "news": {"ok": False, "said": "timed out"}}
    bulletin.post("hub", {"ok": True, "said": "connected"})
    assert raw(tmp_path)["posts"]["hub"]["since"] > since


def test_since_when_is_told_by_the_clock_as_it_is_set_now(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    assert abs(posts_in(tmp_path)["hub"].since - datetime.now(UTC)) < SOON
    told = raw(tmp_path)
    told["posts"]["hub"]["since"] -= 60_000_000_000  # a minute of CLOCK_BOOTTIME
    (tmp_path / FILE).write_text(json.dumps(told))
    assert abs(posts_in(tmp_path)["hub"].since - datetime.now(UTC) + timedelta(minutes=1)) < SOON


def test_a_program_that_ended_tells_nothing(tmp_path: Path) -> None:
    bulletin = Bulletin(tmp_path)
    bulletin.post("hub", {"ok": True})
    bulletin.take_down()
    bulletin.post("hub", {"ok": False})  # a thread that has not heard of the end yet
    assert posts_in(tmp_path) == {}


def test_nothing_is_believed_of_a_program_that_was_killed(tmp_path: Path) -> None:
    script = "import pathlib, sys; from pi_auto.client.bulletin import Bulletin; "
    script += "Bulletin(pathlib.Path(sys.argv[1])).post('hub', {'ok': True}); print(end='', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE) as process:
        wait_until(lambda: posts_in(tmp_path), what="its news")
        process.kill()
    assert (tmp_path / FILE).exists()
    assert posts_in(tmp_path) == {}


def test_news_of_another_users_program_are_believed(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    (tmp_path / FILE).write_text(json.dumps(raw(tmp_path) | {"pid": 1}))
    assert posts_in(tmp_path)["hub"].news == {"ok": True}


def test_nothing_is_believed_of_another_boot(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    (tmp_path / FILE).write_text(json.dumps(raw(tmp_path) | {"boot": "another"}))
    assert posts_in(tmp_path) == {}


def raw(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / FILE).read_text())
    return told


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', "\0" * 4096])
def test_a_file_that_a_power_cut_left_tells_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert posts_in(tmp_path) == {}


def plant(kind: str, file: Path) -> None:
    """What a program that somebody has taken over may put there: capture, the switcher and others look at it."""
    if kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a link to a pipe":
        os.mkfifo(file.with_name("pipe"))
        file.symlink_to("pipe")
    elif kind == "a folder":
        file.mkdir()
    else:
        file.write_bytes(b"[" * 100_000)


@pytest.mark.parametrize("kind", ["a pipe", "a link to a pipe", "a folder", "a tower of brackets"])
def test_what_a_hostile_program_plants_keeps_nobody_waiting_and_makes_nobody_fail(
    tmp_path: Path, kind: str
) -> None:
    plant(kind, tmp_path / FILE)
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(posts_in(tmp_path)), daemon=True)
    reader.start()
    reader.join(10)
    assert found == [{}]


def test_it_is_not_for_everybody(tmp_path: Path) -> None:
    Bulletin(tmp_path).post("hub", {"ok": True})
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o640


def test_a_folder_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    Bulletin(tmp_path / "not there").post("hub", {"ok": True})
    assert posts_in(tmp_path / "not there") == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_on_a_full_disk_it_can_still_be_told_that_nothing_is_stored(small_disk: Path) -> None:
    bulletin = Bulletin(small_disk)
    bulletin.post("storing", {"ok": True, "said": "every scan is stored"})
    with suppress(OSError), (small_disk / "filler").open("ab", buffering=0) as filler:
        while filler.write(b"\0" * 512):
            pass
    bulletin.post("storing", {"ok": False, "said": "disk full"})
    assert posts_in(small_disk)["storing"].news == {"ok": False, "said": "disk full"}
    bulletin.post("storing", {"ok": False, "said": "x" * 1000})
    assert posts_in(small_disk) == {}, "what has no room is not told, and neither is what is no longer so"
    (small_disk / "filler").unlink()
    bulletin.post("storing", {"ok": True, "said": "every scan is stored"})
    assert posts_in(small_disk)["storing"].news["ok"]
