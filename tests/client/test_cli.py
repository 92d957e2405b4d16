from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.simulator.scanner import VirtualScanner
from support.fleet_peer import FleetPeer
from support.keys import MS, START, recording, typed
from support.processes import pids
from support.waiting import wait_until

CLIENT = [sys.executable, "-m", "pi_auto.client.cli"]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CLIENT, *arguments], check=False, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        (
            "pi_auto.client.capture.program",
            {"http.client", "ssl", "paho", "urllib.request", "pi_auto.client.agent"},
        ),
        ("pi_auto.client.cli", {"http.client", "ssl", "socket", "paho", "sqlite3", "pi_auto.client.agent"}),
        ("pi_auto.client.agent.program", {"pi_auto.client.capture"}),
    ],
)
def test_a_program_loads_no_code_beyond_its_rights(module: str, unwanted: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert unwanted.isdisjoint(loaded)


def test_help_shows_the_commands_and_how_they_are_used() -> None:
    shown = ran("--help").stdout
    for words in ("run", "capture", "agent", "replay", "record", "status", "pi-auto-client run --server http://"):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "server_url is missing"),
        (("agent", "--server", "http://10.0.0.1:5000"), "--insecure-plain-http"),
        (("run", "--server", "fleet"), "https://HOST"),
        (("update-fetch",), "update-fetch: is started by the agent"),
        (("status", "--config", "/no/such/file"), "/no/such/file: there is no such settings file"),
    ],
)
def test_wrong_settings_are_one_sentence_and_a_failure(arguments: tuple[str, ...], words: str) -> None:
    result = ran(*arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@contextmanager
def client(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*CLIENT, "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


def type_again(scanner: VirtualScanner, text: str, server: FleetPeer) -> bool:
    scanner.type(text)
    return text in server.texts()


def test_run_scans_delivers_survives_kills_and_stops_cleanly(tmp_path: Path) -> None:
    state, scanner = tmp_path / "state", VirtualScanner(tmp_path / "scanner")
    config = tmp_path / "client.json"
    config.write_text(json.dumps({"device_id": "pi-1a2b3c4d"}))
    with FleetPeer() as server:
        options = (
            "--config",
            str(config),
            "--state",
            str(state),
            "--server",
            server.url,
            "--scanner",
            str(tmp_path / "scanner"),
        )
        with client(*options) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == (
                f"pi-auto-client ready: device=pi-1a2b3c4d server={server.url} "
                f"scanner={tmp_path / 'scanner'} state={state}\n"
            )
            scanner.type("one")
            wait_until(lambda: server.texts() == ["one"], what="the first scan")
            for name in ("agent", "capture"):
                (victim,) = pids("pi_auto.client.cli", f" {name} ", str(state))
                os.kill(victim, signal.SIGKILL)
            # What is typed before capture reads again is lost: somebody at the till scans once more.
            wait_until(lambda: type_again(scanner, "two", server), what="the second scan")
            process.terminate()
            assert process.wait(5) == 0
        assert pids(str(state)) == []
    scanner.close()


def test_a_killed_run_can_be_started_again_at_once(tmp_path: Path) -> None:
    scanner = VirtualScanner(tmp_path / "scanner")
    with FleetPeer() as server:
        options = (
            "--state", str(tmp_path / "state"), "--server", server.url, "--scanner", str(tmp_path / "scanner"),
        )  # fmt: skip
        for text in ("one", "two", "three"):
            with client(*options) as process:
                assert process.stdout is not None
                assert "ready" in process.stdout.readline()
                scanner.type(text)
                wait_until(lambda wanted=text: server.texts()[-1:] == [wanted], what="the scan")  # type: ignore[misc]
                process.kill()
        assert server.texts() == ["one", "two", "three"]
    wait_until(lambda: not pids(str(tmp_path)), what="the last ones to go")
    scanner.close()


def newest(reader: SpoolReader) -> int:
    with suppress(SpoolUnavailable):  # capture reads keys before it has made its spool
        return reader.newest()
    return 0


def test_a_log_that_nobody_reads_stops_neither_scans_nor_the_end(tmp_path: Path) -> None:
    scanner, state = VirtualScanner(tmp_path / "scanner"), tmp_path / "state"
    command = [*CLIENT, "capture", "--state", str(state), "--scanner", str(tmp_path / "scanner")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            with SpoolReader(state / "capture") as reader:
                for number in range(300):  # 100 kB of log, of which a pipe takes 64
                    scanner.type_at_once("x" * 240)
                    wait_until(lambda count=number: newest(reader) > count, what="the scan to be stored")  # type: ignore[misc]
            process.terminate()
            assert process.wait(5) == 0
        finally:
            process.kill()
    scanner.close()


def test_a_reader_that_has_seen_enough_of_a_recording_gets_no_complaint(tmp_path: Path) -> None:
    path = recording(
        tmp_path / "codes", (event for n in range(3000) for event in typed("4" * 20, START + n * 500 * MS))
    )
    shell = f"{shlex.join([*CLIENT, 'replay', str(path)])} | head -1"
    shown = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True, timeout=20)
    assert json.loads(shown.stdout)["text"] == "4" * 20
    assert shown.stderr == ""


@pytest.mark.parametrize("words", ["parse 4006381333931", "status", "doctor --json", "replay /no/such/file"])
def test_closed_standard_output_is_no_traceback(tmp_path: Path, words: str) -> None:
    line = f'exec "$0" -m pi_auto.client.cli {words} >&-'
    ended = subprocess.run(
        ["bash", "-c", line, sys.executable], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "words", ["parse 4006381333931", "status", "status --json", "doctor", "clock", "self-test"]
)
def test_an_answer_for_which_the_disk_has_no_room_is_one_sentence(tmp_path: Path, words: str) -> None:
    line = f'exec "$0" -m pi_auto.client.cli {words} > /dev/full'
    ended = subprocess.run(
        ["bash", "-c", line, sys.executable], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert ended.returncode == 1
    assert ended.stderr == "pi-auto-client: the answer cannot be written: No space left on device\n"


def test_what_a_terminal_has_no_letters_for_is_shown_escaped() -> None:
    asked = [*CLIENT, "parse", "Größe ✓"]
    old = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    shown = subprocess.run(asked, capture_output=True, check=False, timeout=60, env=old)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "Größe \\u2713".encode("latin-1") in shown.stdout


def test_run_with_a_recording_that_cannot_be_read_says_so_and_ends(tmp_path: Path) -> None:
    with FleetPeer() as server:
        options = (
            "--state",
            str(tmp_path / "state"),
            "--server",
            server.url,
            "--scanner",
            f"replay:{tmp_path / 'none'}",
        )
        with client(*options) as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert str(tmp_path / "none") in errors
    assert "Traceback" not in errors
