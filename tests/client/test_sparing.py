"""What capture does without: modules that others load in case they are needed, and some that take much room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

import pi_auto
from pi_auto.client.bulletin import posts_in
from pi_auto.client.spool.doorbell import Bell
from pi_auto.client.spool.schema import uri_of
from pi_auto.simulator.scanner import VirtualScanner
from support.waiting import wait_until

SPARED = {
    "argparse", "ast", "asyncio", "calendar", "dataclasses", "decimal", "email", "gettext", "hashlib", "_hashlib",
    "http", "inspect", "ipaddress", "linecache", "locale", "logging.handlers", "pickle", "platform", "random",
    "shutil", "ssl", "subprocess", "tempfile", "textwrap", "tokenize", "typing", "urllib.parse", "uuid", "zipfile",
}  # fmt: skip
LATE = {"selectors", "traceback"}  # something stands in for them
SOURCE = str(Path(pi_auto.__file__).parents[1])
BEGIN = f"import sys; sys.path.insert(0, {SOURCE!r})\n"
CAPTURE = f"""{BEGIN}
import atexit, json
from pi_auto.client.beginning import begin
tell = lambda: json.dump({{name: type(module).__name__ for name, module in sys.modules.items()}}, sys.stderr)
atexit.register(tell)
sys.exit(begin(sys.argv[1:]))
"""

AT_ONCE = """
import threading, traceback as late
every = [threading.Thread(target=lambda: late.format_exc) for _ in range(20)]
[each.start() for each in every]; [each.join() for each in every]
import traceback; print(type(traceback).__name__, late.walk_tb is traceback.walk_tb)
"""


def loaded_by_capture(folder: Path) -> dict[str, str]:
    """All modules of a capture that has stored a scan, with their types."""
    (folder / "state/agent").mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    bell, scanner = Bell(folder / "state/agent/wake.sock"), VirtualScanner(folder / "scanner")
    options = ["--config", "settings.json", "--state", "state", "--scanner", "scanner", "--log-file", "log"]
    command = [sys.executable, "-IS", "-c", CAPTURE, "capture", *options]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as capture:
        try:
            wait_until(lambda: posts_in(folder / "state/capture").get("scanners"), what="it reads its scanner")
            scanner.type("4006381333931")
            assert bell.wait(10)
            capture.terminate()
            assert capture.stderr
            said = capture.stderr.read().decode()
        finally:
            capture.kill()
            scanner.close()
            bell.close()
    found: dict[str, str] = json.loads(said[said.index('{"sys"') :])
    return found


def after_sparing(program: str) -> str:
    """What a program says that has spared what it can."""
    text = f"{BEGIN}from pi_auto.client.sparing import spare; spare()\n{program}"
    told = subprocess.run([sys.executable, "-IS", "-c", text], check=False, capture_output=True, text=True)
    return told.stdout + told.stderr


def test_capture_loads_none_of_it(tmp_path: Path) -> None:
    loaded = loaded_by_capture(tmp_path)
    assert {"sqlite3", "pi_auto.client.capture.storing"} <= loaded.keys()
    assert SPARED & loaded.keys() == set()
    assert {name: loaded[name] for name in LATE} == dict.fromkeys(LATE, "Late")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import logging\ntry: 1 / 0\nexcept ZeroDivisionError: logging.exception('oh')",
            "Traceback (most recent",
        ),
        ("import selectors; print(selectors.DefaultSelector.__name__)", "EpollSelector"),
        ("import pathlib; print(pathlib.Path('/a b').as_uri())", "file:///a%20b"),
        ("import urllib.parse; print(urllib.parse.quote('a b'))", "a%20b"),
        ("import traceback; print(hasattr(traceback, '__path__'), 'tokenize' in sys.modules)", "False False"),
        ("import traceback; traceback.nothing", "module 'traceback' has no attribute 'nothing'"),
        (AT_ONCE, "module True\n"),
    ],
)
def test_what_comes_late_comes_when_it_is_needed(program: str, said: str) -> None:
    assert said in after_sparing(program)


@pytest.mark.parametrize("formatter", ["logs.OneLine", "client.logbook.JsonLine"])
def test_an_error_is_logged_even_where_its_traceback_cannot_be_loaded(formatter: str) -> None:
    program = (
        f"import logging, pi_auto.logs, pi_auto.client.logbook\n"
        f"logging.basicConfig(force=True); logging.root.handlers[0].setFormatter(pi_auto.{formatter}())\n"
        "sys.path.clear(); sys.path_importer_cache.clear()\n"
        "try: 1 / 0\nexcept ZeroDivisionError: logging.exception('oh')\nprint('goes on')"
    )
    said = after_sparing(program)
    assert "ZeroDivisionError: division by zero (no traceback: No module named" in said
    assert "goes on" in said


def test_what_is_there_already_stays() -> None:
    program = f"{BEGIN}import traceback as before\nfrom pi_auto.client.sparing import spare; spare()\n"
    program += "import traceback; print(traceback is before)"
    told = subprocess.run([sys.executable, "-IS", "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout == "True\n"


@pytest.mark.parametrize(
    "name", ["/a/b.sqlite", "/a b/c?d#e%f", "/ü/漢", "/\udcff/x", "/a:b;c@d&e=f+g,h!i$j'k(l)*[m]"]
)
def test_the_uri_of_a_file_is_that_of_pathlib(name: str) -> None:
    assert unquote_to_bytes(uri_of(Path(name))) == unquote_to_bytes(Path(name).as_uri())
    assert set("?# ").isdisjoint(uri_of(Path(name)))
