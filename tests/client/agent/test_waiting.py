"""An agent that nobody has told of a server: it stays up, says so, and goes on by itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pi_auto.client.agent.waiting import NO_SERVER
from pi_auto.client.bulletin import FILE, posts_in
from pi_auto.client.cli import main
from pi_auto.files import write_whole
from support.fleet_office import FleetOffice
from support.fleet_peer import REGISTER, SCANS, FleetPeer
from support.stored import StoredScans
from support.waiting import wait_until

from .conftest import DEVICE

CLIENT = [sys.executable, "-m", "pi_auto.client.cli"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Settings that name no server."""
    path = tmp_path / "pi_auto_client.json"
    path.write_text(json.dumps({"device_id": DEVICE}))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The agent's."""
    return tmp_path / "state" / "agent"


@contextmanager
def waits(file: Path, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """An agent that says it is ready; it must end well when it is told to."""
    command = [*CLIENT, "agent", "--config", str(file), "--state", str(folder.parent)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "pi-auto-client agent ready: server=none\n"
            yield process
            process.terminate()
            assert process.wait(5) == 0
        finally:
            process.kill()


def told(folder: Path) -> dict[str, Any]:
    """What it says of the server."""
    post = wait_until(lambda: posts_in(folder).get("server"), what="its word on the server")
    news: dict[str, Any] = post.news
    return news


def says(folder: Path, words: str) -> bool:
    return words in told(folder)["said"]


def test_it_says_that_no_server_is_set_and_how_to_name_one(file: Path, folder: Path) -> None:
    with waits(file, folder):
        assert told(folder) == {"ok": False, "said": NO_SERVER}
        assert "sudo pi-auto-client configure --server URL" in NO_SERVER
    assert not (folder / FILE).exists()


def test_once_a_server_is_named_it_goes_on_and_delivers_without_a_restart(
    file: Path, folder: Path, server: FleetPeer, stored: StoredScans, capfd: pytest.CaptureFixture[str]
) -> None:
    stored.scan("scanned before there was a server")
    with waits(file, folder) as process:
        wait_until(lambda: posts_in(folder), what="its word")
        assert main(["configure", "--config", str(file), "--server", server.url]) == 0
        assert "goes on by itself" in capfd.readouterr().out
        wait_until(server.texts, what="the scan to arrive")
        assert process.stdout is not None
        assert process.stdout.readline() == f"pi-auto-client agent ready: device={DEVICE}\n"
        wait_until(lambda: told(folder)["ok"], what="its word on the server")
    assert (server.calls(REGISTER), server.calls(SCANS)) == (1, 1)


def test_a_broken_file_does_not_end_it_and_is_told_until_it_is_mended(
    file: Path, folder: Path, server: FleetPeer
) -> None:
    with waits(file, folder):
        file.write_text('{"server_url": "http')
        wait_until(lambda: says(folder, f"{file}: is not JSON"), what="the fault")
        file.write_text('{"server_url": "fleet"}')
        wait_until(lambda: says(folder, "https://HOST"), what="the next fault")
        file.unlink()
        wait_until(lambda: says(folder, "there is no such settings file"), what="the last fault")
        file.write_text(json.dumps({"server_url": server.url, "device_id": DEVICE}))
        wait_until(lambda: server.calls(REGISTER), what="the registration")


def test_a_card_that_is_put_there_or_mended_is_noticed_without_a_restart(
    file: Path, folder: Path, office: FleetOffice
) -> None:
    card = file.with_name("fleet.json")
    file.write_text(json.dumps({"device_id": DEVICE, "fleet_card": str(card)}))
    with waits(file, folder):
        card.write_text("{}")
        wait_until(lambda: says(folder, f"{card}: is no fleet card"), what="the fault")
        write_whole(card, json.dumps(office.card.to_json()))
        wait_until(lambda: office.peer.calls(REGISTER), what="the enrolment")


def test_a_card_that_is_damaged_does_not_make_it_believe_the_settings(
    file: Path, folder: Path, server: FleetPeer
) -> None:
    card = file.with_name("fleet.json")
    card.write_text('{"format": 1')
    file.write_text(json.dumps({"device_id": DEVICE, "fleet_card": str(card), "server_url": server.url}))
    with waits(file, folder):
        wait_until(lambda: says(folder, "is no fleet card"), what="the fault")
    assert server.received == []


def test_a_file_that_is_broken_from_the_start_is_waited_for(file: Path, folder: Path, server: FleetPeer) -> None:
    file.write_text("{")
    with waits(file, folder):
        wait_until(lambda: says(folder, "is not JSON"), what="the fault")
        file.write_text(json.dumps({"server_url": server.url, "device_id": DEVICE}))
        wait_until(lambda: server.calls(REGISTER), what="the registration")


def test_what_it_goes_on_with_is_kept_as_the_last_good_settings(
    file: Path, folder: Path, server: FleetPeer
) -> None:
    with waits(file, folder):
        file.write_text(json.dumps({"server_url": server.url, "device_id": DEVICE}))
        wait_until(lambda: server.calls(REGISTER), what="the registration")
    assert (folder / "settings.json").read_text() == file.read_text()


def test_the_log_has_the_words_of_the_guide_once_for_each_change(file: Path, folder: Path) -> None:
    with waits(file, folder) as process:
        wait_until(lambda: posts_in(folder), what="its word")
        file.touch()
        file.write_text("{")
        wait_until(lambda: says(folder, "is not JSON"), what="the fault")
        process.terminate()
        assert process.stderr is not None
        lines = [line for line in process.stderr.read().splitlines() if "cannot register" in line]
    assert NO_SERVER in lines[0]
    assert "is not JSON" in lines[-1]


def test_systemd_hears_that_it_is_ready_and_alive(file: Path, folder: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        with waits(file, folder, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="3000000"):
            heard = [systemd.recv(100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_two_of_them_never_wait_in_one_folder(
    file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pi_auto.client.alone.PATIENCE", 0.2)
    with waits(file, folder):
        assert main(["agent", "--config", str(file), "--state", str(folder.parent)]) == 1
    assert "another process works on" in capsys.readouterr().err


def test_a_wrong_command_line_ends_it_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agent", "--config", "/no/such/file", "--state", str(folder.parent)]) == 2
    assert "/no/such/file: there is no such settings file" in capsys.readouterr().err


def test_run_by_hand_refuses_without_a_server(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", str(file)]) == 2
    assert "server_url is missing" in capsys.readouterr().err
