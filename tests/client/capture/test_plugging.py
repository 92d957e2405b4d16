"""Coming and going of device nodes, by the kernel's word."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from pi_auto.client.capture.plugging import Plugging

LONG = 20.0  # seconds, more than any of these may take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What stands for /dev."""
    (tmp_path / "input").mkdir()
    for node in ("input/event0", "hidraw0", "ttyACM0", "tty1"):
        (tmp_path / node).touch(mode=0o600)
    return tmp_path


def watching(folder: Path, named: Path | None = None) -> Plugging:
    plugging = Plugging(folder, named)
    plugging.watch()
    return plugging


def seconds(plugging: Plugging, wait: float) -> float:
    begun = time.monotonic()
    plugging.wait(wait)
    return time.monotonic() - begun


def later(deed: object) -> None:
    threading.Timer(0.2, deed).start()  # type: ignore[arg-type]


@pytest.mark.parametrize("node", ["input/event0", "hidraw0", "ttyACM0"])
def test_a_node_that_is_given_to_us_ends_the_wait(folder: Path, node: str) -> None:
    plugging = watching(folder)
    later(lambda: (folder / node).chmod(0o640))
    assert seconds(plugging, LONG) < LONG / 2


@pytest.mark.parametrize("node", ["input/event0", "hidraw0", "ttyACM0"])
def test_a_node_that_goes_ends_it_too(folder: Path, node: str) -> None:
    plugging = watching(folder)
    (folder / node).unlink()
    assert seconds(plugging, LONG) < LONG / 2


def test_what_happens_between_two_waits_is_not_missed(folder: Path) -> None:
    plugging = watching(folder)
    (folder / "hidraw0").chmod(0o640)
    assert seconds(plugging, LONG) < LONG / 2


def test_other_devices_end_no_wait(folder: Path) -> None:
    plugging = watching(folder)
    later(lambda: (folder / "tty1").chmod(0o640))
    assert seconds(plugging, 0.5) >= 0.5


def test_a_node_that_is_made_is_of_no_use_before_its_rights_are_set(folder: Path) -> None:
    plugging = watching(folder)
    (folder / "hidraw1").touch(mode=0o600)
    assert seconds(plugging, 0.3) >= 0.3


def test_a_usb_device_without_a_node_of_its_own_ends_the_wait(folder: Path) -> None:
    device = folder / "bus/usb/001/007"
    device.parent.mkdir(parents=True)
    device.touch(mode=0o600)
    plugging = watching(folder)
    device.chmod(0o640)
    assert seconds(plugging, LONG) < LONG / 2


def test_a_bell_ends_the_wait_from_another_thread(folder: Path) -> None:
    plugging = watching(folder)
    later(plugging.ring)
    assert seconds(plugging, LONG) < LONG / 2


def test_what_was_noticed_is_not_noticed_again(folder: Path) -> None:
    plugging = watching(folder)
    (folder / "input/event0").chmod(0o640)
    plugging.wait(LONG)
    assert seconds(plugging, 0.3) >= 0.3


def test_a_folder_that_comes_and_goes_is_watched_when_it_is_there(tmp_path: Path) -> None:
    plugging = watching(tmp_path)
    (tmp_path / "input").mkdir()
    plugging.wait(LONG)
    node = tmp_path / "input/event0"
    node.touch(mode=0o600)
    later(lambda: node.chmod(0o640))
    assert seconds(plugging, LONG) < LONG / 2


def test_a_node_that_a_person_has_named_is_waited_for_wherever_it_is_to_come(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    plugging = watching(folder, elsewhere / "my-scanner")
    assert plugging.covers(elsewhere / "my-scanner")
    later(lambda: os.mkfifo(elsewhere / "my-scanner"))
    assert seconds(plugging, LONG) < LONG / 2


def test_it_is_told_where_the_kernel_tells_nothing(folder: Path, tmp_path: Path) -> None:
    plugging = watching(folder, tmp_path / "no/folder/scanner")
    assert plugging.covers()
    assert not plugging.covers(tmp_path / "no/folder/scanner")
    assert not watching(tmp_path / "nowhere").covers()
