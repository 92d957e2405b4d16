"""Ctrl-C while a command is still being loaded: nothing is printed, and the shell sees what it always sees."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from contents import _MAIN

_HERE = Path(sys.executable).parent
_ROOT = Path(__file__).parents[1]
_SCRIPTS = [str(_HERE / name) for name in ("pi-auto-client", "pi-auto-hub", "pi-auto-server", "pi-auto-sim")]
_MODULES = [f"pi_auto.{room}.cli" for room in ("client", "hub", "server", "simulator")]
# Presses Ctrl-C at the moment at which Python begins to look for a module.
_PRESSING = """
import os, runpy, signal, sys

class Pressing:
    def find_spec(self, name, *_):
        if name == moment:
            os.kill(os.getpid(), signal.SIGINT)

_, moment, program, *rest = sys.argv
sys.argv = [program, *rest]
sys.meta_path.insert(0, Pressing())
run = runpy.run_path if "/" in program else runpy.run_module
run(program, run_name="__main__", **({} if "/" in program else {"alter_sys": True}))
"""


def _interrupted(moment: str, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    # A test that runs in the background of a shell would hand down that Ctrl-C is to be ignored.
    line = ["env", "--default-signal=INT", sys.executable, "-c", _PRESSING, moment, program, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("program", [*_SCRIPTS, *_MODULES, str(_ROOT / "web_app.py")])
def test_ctrl_c_while_a_command_is_loaded_ends_it_without_a_word(program: str) -> None:
    ended = _interrupted("argparse", program, "--help")

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")  # 130, as shells say it


def test_so_it_does_in_an_installed_release(tmp_path: Path) -> None:
    release = tmp_path / "app"
    with zipfile.ZipFile(release, "w") as archive:
        archive.writestr("__main__.py", _MAIN)
        for name in ("__init__", "starting", "client/__init__", "client/beginning"):
            archive.write(_ROOT / f"src/pi_auto/{name}.py", f"pi_auto/{name}.py")

    ended = _interrupted("pi_auto.client.sparing", str(release), "status")

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("code", ["press()", "atexit.register(press)"])
def test_ctrl_c_is_as_quiet_before_a_command_can_answer_and_after_its_end(code: str) -> None:
    program = (
        "import atexit, os, signal, sys\n"
        "from pi_auto.starting import hush, started\n"
        "def press(): os.kill(os.getpid(), signal.SIGINT)\n"
        f"hush(); sys.exit(started(lambda: {code} and 0))"
    )

    ended = subprocess.run(
        ["env", "--default-signal=INT", sys.executable, "-c", program],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ended.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert (ended.stdout, ended.stderr) == ("", "")


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    program = (
        "import signal, sys\n"
        "from pi_auto.starting import hush, started\n"
        "hush(); sys.exit(started(lambda: int(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)))"
    )

    ended = subprocess.run(["env", "--ignore-signal=INT", sys.executable, "-c", program], check=False, timeout=60)

    assert ended.returncode == 1
