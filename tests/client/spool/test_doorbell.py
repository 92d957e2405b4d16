"""The bell between capture and agent: heard when somebody listens, harmless when nobody does."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pi_auto.client.spool.doorbell import Bell, ring


def test_a_ring_is_heard_once(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "wake.sock")
    assert not bell.wait(0)
    ring(tmp_path / "wake.sock")
    ring(tmp_path / "wake.sock")
    assert bell.wait(5)
    assert not bell.wait(0)
    bell.close()


def test_a_ring_ends_the_waiting(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "wake.sock")
    heard: list[bool] = []
    waiting = threading.Thread(target=lambda: heard.append(bell.wait(30)))
    waiting.start()
    ring(tmp_path / "wake.sock")
    waiting.join(10)
    assert heard == [True]
    bell.close()


def test_a_thousand_rings_nobody_hears_neither_block_nor_fail(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "wake.sock")
    for _ in range(1000):
        ring(tmp_path / "wake.sock")
    assert bell.wait(0)
    bell.close()


@pytest.mark.parametrize("place", ["nothing", "folder/nothing", "file"])
def test_ringing_where_there_is_no_bell_does_nothing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no socket")
    ring(tmp_path / place)
    assert (tmp_path / "file").read_text() == "no socket"


def test_a_bell_takes_the_place_that_a_killed_agent_has_left(tmp_path: Path) -> None:
    Bell(tmp_path / "wake.sock")._socket.close()
    bell = Bell(tmp_path / "wake.sock")
    ring(tmp_path / "wake.sock")
    assert bell.wait(5)
    bell.close()


def test_a_path_may_be_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    bell = Bell(folder / "wake.sock")
    ring(folder / "wake.sock")
    assert bell.wait(5)
    bell.close()


def test_who_may_ring_does_not_hang_on_the_file_mask(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        bell = Bell(tmp_path / "sent.sock", mode=0o660)
    finally:
        os.umask(mask)
    assert (tmp_path / "sent.sock").stat().st_mode & 0o777 == 0o660
    bell.close()
