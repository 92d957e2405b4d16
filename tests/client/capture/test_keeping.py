"""Descriptors that outlive capture: which is whose, and that none is left behind with its grab."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.capture.keeping import Keeping
from pi_auto.client.notify import Manager

DEVICE, NAME = Path("/dev/null"), "device-1-3"  # any character device will do
OTHER, OTHER_NAME = Path("/dev/zero"), "device-1-5"


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        yield systemd


@pytest.fixture
def manager(heard: socket.socket) -> Manager:
    return Manager({"NOTIFY_SOCKET": heard.getsockname()})


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").exists()


def test_a_device_is_taken_up_again_by_its_number_however_it_is_spelled(manager: Manager, tmp_path: Path) -> None:
    descriptor = opened(DEVICE)
    by_id = tmp_path / "usb-Scanner:with-colon-event-kbd"
    by_id.symlink_to(DEVICE)
    assert Keeping(manager, {NAME: [descriptor]}).take(by_id) == descriptor
    os.close(descriptor)


def test_another_device_does_not_get_it(manager: Manager) -> None:
    descriptor = opened(DEVICE)
    keeping = Keeping(manager, {NAME: [descriptor]})
    assert keeping.take(OTHER) is None
    assert keeping.take(Path("/dev/input/not-there")) is None
    assert keeping.take(DEVICE) == descriptor
    assert keeping.take(DEVICE) is None
    os.close(descriptor)


def test_what_nobody_wants_is_closed_and_forgotten(manager: Manager, heard: socket.socket) -> None:
    descriptors = [opened(OTHER), opened(OTHER)]
    Keeping(manager, {OTHER_NAME: descriptors}).let_go_of_the_rest()
    assert not any(is_open(descriptor) for descriptor in descriptors)
    assert heard.recv(100).decode() == f"FDSTOREREMOVE=1\nFDNAME={OTHER_NAME}"


def test_a_device_is_kept_in_the_place_of_whatever_had_its_number(manager: Manager, heard: socket.socket) -> None:
    descriptor = opened(DEVICE)
    Keeping(manager, {}).keep(descriptor)
    os.close(descriptor)
    assert heard.recv(100).decode() == f"FDSTOREREMOVE=1\nFDNAME={NAME}"
    assert heard.recv(100).decode() == f"FDSTORE=1\nFDNAME={NAME}"


def test_a_fifo_is_not_kept(manager: Manager, heard: socket.socket, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scanner")
    descriptor = os.open(tmp_path / "scanner", os.O_RDWR | os.O_NONBLOCK)
    Keeping(manager, {}).keep(descriptor)
    os.close(descriptor)
    heard.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard.recv(100)
