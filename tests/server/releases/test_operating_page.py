"""docs/operating.md, tried as a new user would: every line of it, in its order, at a desk and on a server.

The devices that it names are enrolled there, and live as devices do while the server's clock runs fast.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from pi_auto.server.cli import main
from pi_auto.server.releases.desk import Desk
from support.page_fleet import WHY, PageFleet
from support.server import RunningServer
from support.signed_releases import PASSPHRASE

ROOT = Path(__file__).parents[3]
DEVICES = ("pi-1a2b3c4d", "pi-5e6f7a8b", "pi-0000000c")  # the page names the first two
_BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(rb"Type (\S+) to go on: \Z")
_PLACE = re.compile(r"\b(on the server|at the desk)\b", re.IGNORECASE)


@dataclass
class Places:
    """The home of a developer, that of a server's administrator, the server's data, and the fleet's devices."""

    desk: Path
    server: Path
    data: Path
    fleet: PageFleet | None = None

    def run(self, place: str, line: str) -> str:
        """A line as it stands there, typed at a terminal, where a passphrase is given to whoever asks for one."""
        pid, terminal = pty.fork()
        if pid == 0:
            self._become(place, line)
        said = b""
        while piece := _read(terminal):
            said += piece
            if piece.endswith((b"keys: ", b"once more: ", b".json: ")):
                os.write(terminal, PASSPHRASE.encode() + b"\n")
            elif wanted := _TYPE.search(piece):
                os.write(terminal, wanted[1] + b"\n")
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        assert ended == 0, f"{line}\n{said.decode()}"
        return said.decode()

    def _become(self, place: str, line: str) -> NoReturn:
        """The command of this line, in a process that has its code loaded already: a page has many of them."""
        on_server = place == "on the server"
        os.environ["HOME"] = str(self.server if on_server else self.desk)
        os.chdir(self.server if on_server else ROOT)
        words = [self._place(word) for word in shlex.split(line)]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - the terminal
        if ">" in words:
            sys.stdout = Path(words[-1]).open("w")  # noqa: SIM115 - the process ends with it
            words = words[: words.index(">")]
        if words[0] == "sudo":
            os.environ["PI_AUTO_DATA"] = str(self.data)
            words.pop(0)
        try:
            ended = self._do(words)
        except BaseException as error:  # noqa: BLE001 - nothing may go on in this process as if it were the test
            print(repr(error), file=sys.stderr)
            ended = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)

    def _do(self, words: list[str]) -> int:
        if Path(words[0]).name == "pi-auto-server":
            return main(words[1:])
        words[0] = "cp" if words[0] == "scp" else words[0]  # the server is on this machine
        return subprocess.run(words, check=False).returncode

    def _place(self, word: str) -> str:
        if word.startswith("server:"):
            return str(self.server / word.removeprefix("server:"))
        return str(Path(word).expanduser()) if word.startswith("~") else word


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the line has ended
        return b""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    made = Places(tmp_path / "desk", tmp_path / "server", tmp_path / "data")
    for folder in (made.desk, made.server):
        folder.mkdir()
    options = ("--http", "off", "--trust", "on", "--https", "127.0.0.1:0", "--hub-mqtt", "off")
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    monkeypatch.setenv("PI_AUTO_TEST_AHEAD", str(ahead))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    server = RunningServer(made.data, tmp_path / "log", *options, program=("-m", "support.hurried_server"))
    try:
        made.fleet = PageFleet(server, ahead, DEVICES, "0.0.9")
        yield made
    finally:
        server.stop()


def lines_of(page: str) -> Iterator[tuple[str, str]]:
    """Where each line is to be run, as the page says last before it, and the line."""
    for found in _BLOCK.finditer(page):
        place = _PLACE.findall(page[: found.start()])[-1].lower()
        for line in found[1].splitlines():
            yield place, line


def test_the_page_leads_from_first_keys_to_finished_roll_outs_and_through_all_that_may_come_after(
    places: Places,
) -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    fleet = places.fleet
    assert fleet
    said = {}
    for place, line in lines_of(page):
        # What the page says has happened before a line.
        if line == "sudo pi-auto-server rollout list":
            fleet.live_until(1, "completed")
            assert set(fleet.versions().values()) == {"0.1.0"}
        elif line == "sudo pi-auto-server rollout show 2":
            fleet.broken = "0.1.1"
            fleet.live_until(2, "paused")
        elif line == "sudo pi-auto-server device pin pi-1a2b3c4d 0.1.2":
            fleet.live_until(3, "completed")
            assert set(fleet.versions().values()) == {"0.1.2"}
        said[line.removeprefix("sudo pi-auto-server ")] = places.run(place, line)
    assert '"update_root"' in said["fleet card --address fleet.lan:5443"]
    assert "published: 0.1.0; root version 1" in said["release publish bundle-2"]
    assert "tag:lab/1h" in said["rollout simulate 1"]
    assert "running" in said["rollout show 1"]
    assert "completed" in said["rollout list"]
    report = (places.server / "devices.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in report] == sorted(DEVICES)
    assert all("committed" in line for line in report)
    shown = said["rollout show 2"]
    assert "paused" in shown
    assert "reached 1: 0 run it, 1 failed, 0 under way" in shown
    assert WHY in shown
    assert "published: 0.1.0, 0.1.2; root version 1" in said["release publish bundle-4"]
    assert "roll-out 3 is running" in said["rollout start 3 --at-once"]
    assert all(word in said["audit"] for word in ("goes on to the next stage", "is complete", "pauses"))
    assert "published: 0.1.0, 0.1.2; root version 5" in said["release publish bundle-5"]
    assert Desk(places.desk / "updates").waiting() == []
