from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pi_auto.client.capture.plugging import Plugging

LONG = 20.0  # seconds, more than any of these may take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    (folder / "event0").touch(mode=0o600)
    return folder


def seconds(plugging: Plugging, wait: float) -> float:
    begun = time.monotonic()
    plugging.wait(wait)
    return time.monotonic() - begun


def later(deed: object) -> None:
    threading.Timer(0.2, deed).start()  # type: ignore[arg-type]


def test_a_node_that_is_given_to_us_ends_the_wait(folder: Path) -> None:
    plugging = Plugging(folder)
    later(lambda: (folder / "event0").chmod(0o640))
    assert seconds(plugging, LONG) < LONG / 2


def test_a_bell_ends_the_wait_from_another_thread(folder: Path) -> None:
    plugging = Plugging(folder)
    later(plugging.ring)
    assert seconds(plugging, LONG) < LONG / 2


def test_what_was_noticed_is_not_noticed_again(folder: Path) -> None:
    plugging = Plugging(folder)
    plugging.wait(0)
    (folder / "event0").chmod(0o640)
    plugging.wait(LONG)
    assert seconds(plugging, 0.3) >= 0.3


def test_a_folder_that_comes_and_goes_is_watched_when_it_is_there(tmp_path: Path) -> None:
    plugging = Plugging(tmp_path / "input")
    assert seconds(plugging, 0.1) >= 0.1
    (tmp_path / "input").mkdir()
    node = tmp_path / "input/event0"
    node.touch(mode=0o600)
    later(lambda: node.chmod(0o640))
    assert seconds(plugging, LONG) < LONG / 2
