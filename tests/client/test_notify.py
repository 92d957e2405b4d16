"""What a service tells systemd, heard on a real socket; and what systemd hands over, in a real process."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_auto.client.notify import Manager, handed_over


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self._socket.settimeout(5)

    def hear(self) -> tuple[str, list[int]]:
        """The next message and the descriptors that came with it."""
        descriptors = array.array("i")
        text, rights, _, _ = self._socket.recvmsg(4096, socket.CMSG_LEN(4 * descriptors.itemsize))
        for _, _, content in rights:
            descriptors.frombytes(content)
        return text.decode(), list(descriptors)

    def hears_nothing(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@pi-auto-test-{os.getpid()}"
    systemd = Systemd(address)
    yield systemd
    systemd.close()


def test_a_service_says_that_it_is_ready_and_that_it_stops(systemd: Systemd) -> None:
    manager = Manager({"NOTIFY_SOCKET": systemd.address})
    manager.ready()
    manager.stopping()
    assert [systemd.hear()[0], systemd.hear()[0]] == ["READY=1", "STOPPING=1"]


def test_a_descriptor_that_is_kept_is_the_same_open_file(systemd: Systemd, tmp_path: Path) -> None:
    file = tmp_path / "device"
    file.write_text("keys that wait")
    with file.open("rb") as opened:
        os.read(opened.fileno(), 5)
        Manager({"NOTIFY_SOCKET": systemd.address}).keep(opened.fileno(), "device-13-64")
    text, (kept,) = systemd.hear()
    assert text == "FDSTORE=1\nFDNAME=device-13-64"
    assert os.read(kept, 100) == b"that wait"  # its place in the file came along
    os.close(kept)


def test_it_can_be_forgotten_again(systemd: Systemd) -> None:
    Manager({"NOTIFY_SOCKET": systemd.address}).forget("device-13-64")
    assert systemd.hear() == ("FDSTOREREMOVE=1\nFDNAME=device-13-64", [])


@pytest.mark.parametrize("name", ["", "a:b", "a\nREADY=1", "x" * 256])
def test_a_name_that_could_say_something_else_is_refused(systemd: Systemd, name: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Manager({"NOTIFY_SOCKET": systemd.address}).forget(name)
    assert systemd.hears_nothing()


def test_it_says_that_it_is_alive_only_as_often_as_need_be(systemd: Systemd) -> None:
    manager = Manager({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000000"})
    for _ in range(100):
        manager.alive()
    assert systemd.hear()[0] == "WATCHDOG=1"
    assert systemd.hears_nothing()


@pytest.mark.parametrize(
    "told",
    [{}, {"WATCHDOG_USEC": "rubbish"}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}],
    ids=["no watchdog", "rubbish", "another process's"],
)
def test_where_no_watchdog_waits_nothing_is_said(systemd: Systemd, told: dict[str, str]) -> None:
    Manager({"NOTIFY_SOCKET": systemd.address, **told}).alive()
    assert systemd.hears_nothing()


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "vsock:2:1234"])
def test_without_anybody_to_talk_to_nothing_happens(address: str) -> None:
    manager = Manager({"NOTIFY_SOCKET": address} if address else {})
    manager.ready()
    manager.keep(0, "device")


def test_a_full_socket_makes_nobody_wait(systemd: Systemd) -> None:
    manager = Manager({"NOTIFY_SOCKET": systemd.address})
    for _ in range(5000):  # far more than a socket queues
        manager.ready()
    assert systemd.hear()[0] == "READY=1"


HEIR = """
import os, sys
from pi_auto.client.notify import handed_over
found = handed_over()
print({name: [os.read(each, 100).decode() for each in each_of] for name, each_of in found.items()},
      [os.get_inheritable(each) for each_of in found.values() for each in each_of], handed_over(), end="")
"""


def test_what_was_kept_comes_to_the_next_process_by_name(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("one")
    (tmp_path / "second").write_text("two")
    told_by = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=device-13-64:device-13-65"
    script = f'exec 3< "$1" 4< "$2"; {told_by} exec "$3" -c "$4"'
    words = [str(tmp_path / "first"), str(tmp_path / "second"), sys.executable, HEIR]
    told = subprocess.run(["sh", "-c", script, "sh", *words], check=True, capture_output=True, text=True).stdout
    assert told == "{'device-13-64': ['one'], 'device-13-65': ['two']} [False, False] {}"


@pytest.mark.parametrize(
    "told",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}],
    ids=["nothing", "another process's", "rubbish"],
)
def test_what_was_not_meant_for_this_process_is_left_alone(told: dict[str, str]) -> None:
    assert handed_over(dict(told)) == {}
