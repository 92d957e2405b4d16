"""The command `pi-auto-server` where its line is wrong, or nobody takes what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RECKON = ("capacity", "--devices", "10", "--scans-per-day", "5")
COMMAND = (sys.executable, "-m", "pi_auto.server.cli")
OFF = ("--http", "off", "--hub-mqtt", "off")


# Root may use every folder: it is tried as one that may not.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


def run(*words: str, by: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*by, *COMMAND, *words], capture_output=True, text=True, check=False, timeout=60)


def through_a_shell(line: str) -> subprocess.CompletedProcess[str]:
    shell = ["bash", "-c", line, "bash", *COMMAND, *RECKON]
    return subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--data", "x", "--https", "5443"), "--https is '5443'; allowed: an IP address and a port"),
        (("run", "--data", "x", "--https", "off"), "--https is off"),
        (("run", "--data", "x", "--server-name", "two words"), "--server-name is 'two words'"),
        (("run", "--data", ""), "no data folder is named"),
        (("operator", "link", "--data", ""), "no data folder is named"),
        (("run", "--data", "x", "--heartbeat-interval", "0"), "'0' is not a number of seconds"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_and_ends_with_2(words: tuple[str, ...], told: str) -> None:
    ended = run(*words)
    assert ended.returncode == 2
    assert told in ended.stderr


@pytest.mark.parametrize(
    "words", [("audit",), ("operator", "link"), ("device", "restart", "pi-1"), ("release", "list")]
)
def test_a_user_whose_folder_it_is_not_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0)
    ended = run(*words, "--data", str(data), by=WITHOUT_RIGHTS)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"pi-auto-server: --data is {data}, which is not for this user")


@pytest.mark.parametrize("scanner", ["", "x" * 257])
def test_an_id_that_no_scanner_has_is_refused_before_the_hub_is_asked(tmp_path: Path, scanner: str) -> None:
    ended = run("scanner", "pi-1", scanner, "--layout", "fr", "--data", str(tmp_path))
    assert (ended.returncode, "allowed: 1 to 256" in ended.stderr) == (2, True)


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    ended = run("run", "--data", str(tmp_path / "data"), "--https", "127.0.0.1:0", *OFF)
    assert ended.returncode == 1
    assert ended.stderr == f"pi-auto-server: the data folder {tmp_path / 'data'} cannot be used: File exists\n"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ('"$@" | true; exit "${PIPESTATUS[0]}"', 141, ""),
        ('"$@" > /dev/full', 1, "pi-auto-server: the answer cannot be written: No space left on device\n"),
        ('"$@" >&-', 0, ""),
    ],
)
def test_an_answer_that_nobody_takes_is_no_traceback(line: str, code: int, told: str) -> None:
    ended = through_a_shell(line)
    assert (ended.returncode, ended.stderr) == (code, told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("device", "identify", "pi-1", "--minutes", "5"), "identify takes no --minutes"),
        (("device", "identify", "pi-1", "a-word"), "identify takes no word and no --remove"),
        (("device", "unpin", "pi-1", "1.0"), "unpin takes no word behind the device"),
        (("device", "pin", "pi-1", "1.0", "--remove"), "pin takes no --remove"),
        (("scanner", "pi-1", "usb-1"), "name --layout, --kind, --calibrate or --forget"),
    ],
)
def test_whoever_refuses_a_command_line_it_is_exit_code_2(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    ended = run(*words, "--data", str(tmp_path))
    assert (ended.returncode, ended.stderr.startswith(f"pi-auto-server: {told}")) == (2, True), ended.stderr
