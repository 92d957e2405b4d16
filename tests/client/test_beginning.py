"""How the programs that run for months start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import wait_until

ENTRY = [
    sys.executable, "-c", "import sys; from pi_auto.client.beginning import begin; sys.exit(begin(sys.argv[1:]))"
]  # fmt: skip


def ran(*words: str, more: str = "") -> subprocess.CompletedProcess[str]:
    entry = [*ENTRY[:2], f"{ENTRY[2].replace('sys.exit', 'code = ')}; {more or 'pass'}; sys.exit(code)"]
    return subprocess.run([*entry, *words], check=False, capture_output=True, text=True, timeout=20)


def options_of(folder: Path) -> list[str]:
    settings = folder / "settings.json"
    settings.write_text('{"server_url": "https://fleet.example:5443"}')
    return [f"--config={settings}", "--state", str(folder / "state"), "--log-file", str(folder / "log")]


def test_capture_is_started_without_what_reads_a_whole_command_line(tmp_path: Path) -> None:
    wrong = tmp_path / "no-scanner"
    wrong.write_text("")
    heavy = "argparse typing dataclasses pi_auto.client.cli pi_auto.client.endpoint"
    more = f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    told = ran("capture", *options_of(tmp_path), "--scanner", str(wrong), more=more)
    assert f"scanner is '{wrong}', which is no device" in told.stderr
    assert (told.stdout.strip(), told.returncode) == ("[]", 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scanner"], "expected one argument"),
        (["--scaner=auto"], "unrecognized arguments: --scaner=auto"),
        (["--log-level", "LOUD"], "log_level is 'LOUD'; allowed: one of DEBUG"),
        (["--log-file", "--scanner=auto"], "expected one argument"),
        (["auto"], "unrecognized arguments: auto"),
    ],
)
def test_a_slip_in_its_options_is_refused_by_name(tmp_path: Path, words: list[str], said: str) -> None:
    told = ran("capture", "--state", str(tmp_path), *words)
    assert said in told.stderr
    assert told.returncode == 2


def test_help_and_all_other_commands_are_there() -> None:
    assert "--scanner" in ran("capture", "--help").stdout
    assert ran("--version").stdout.startswith("pi-auto-client ")
    assert "COMMAND" in ran().stderr


def test_it_ends_with_the_process_that_started_it_if_told_so(tmp_path: Path) -> None:
    fifo = tmp_path / "scanner"
    os.mkfifo(fifo)
    words = ["capture", *options_of(tmp_path), f"--scanner={fifo}", "--until-stdin-closes"]
    with subprocess.Popen([*ENTRY, *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as capture:
        wait_until((tmp_path / "state/capture/bulletin.json").exists)
        _, told = capture.communicate(timeout=20)  # which closes its standard input
    assert "everything is stored" in told
    assert capture.returncode == 0
