"""docs/operating.md, tried as a new user would: every line of it, in its order, at a desk and on a server."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pi_auto.server.releases.desk import Desk
from support.server import RunningServer
from support.signed_releases import PASSPHRASE

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"\b(on the server|at the desk)\b", re.IGNORECASE)
# What stands in for the way between two machines, and for the right to use the server's folder.
_SCP = '#!/bin/sh\nfor word; do shift; set -- "$@" "$(echo "$word" | sed "s|^server:|$SERVER/|")"; done\nexec cp "$@"\n'
_SUDO = '#!/bin/sh\nexec env PI_AUTO_DATA="$DATA" "$@"\n'


@dataclass
class Places:
    """The home of a developer, that of a server's administrator, and the server's data."""

    desk: Path
    server: Path
    data: Path
    tools: Path

    def run(self, place: str, line: str) -> str:
        """A line as it stands there, typed at a terminal, where a passphrase is given to whoever asks for one."""
        home, folder = (self.server, self.server) if place == "on the server" else (self.desk, ROOT)
        environment = {
            "HOME": str(home), "SERVER": str(self.server), "DATA": str(self.data), "LANG": "C.UTF-8",
            "PATH": f"{self.tools}:{ROOT / '.venv/bin'}:{os.environ['PATH']}",
        }  # fmt: skip
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "-c", line], environment)  # noqa: S606 - the line is the page's
        said = b""
        while piece := _read(terminal):
            said += piece
            if piece.endswith((b"keys: ", b"once more: ", b".json: ")):
                os.write(terminal, PASSPHRASE.encode() + b"\n")
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        assert ended == 0, f"{line}\n{said.decode()}"
        return said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the line has ended
        return b""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path / "desk", tmp_path / "server", tmp_path / "data", tmp_path / "tools")
    for folder in (made.desk, made.server, made.tools):
        folder.mkdir()
    for name, text in (("scp", _SCP), ("sudo", _SUDO)):
        (made.tools / name).write_text(text)
        (made.tools / name).chmod(0o755)
    server = RunningServer(
        made.data,
        tmp_path / "log",
        "--http",
        "off",
        "--trust",
        "on",
        "--https",
        "127.0.0.1:0",
        "--hub-mqtt",
        "off",
    )
    try:
        yield made
    finally:
        server.stop()


def lines_of(page: str) -> Iterator[tuple[str, str]]:
    """Where each line is to be run, as the page says last before it, and the line."""
    for found in _BLOCK.finditer(page):
        place = _PLACE.findall(page[: found.start()])[-1].lower()
        for line in found[1].splitlines():
            yield place, line


def test_the_page_leads_from_first_keys_to_a_release_and_through_all_that_may_come_after(places: Places) -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    said = {line: places.run(place, line) for place, line in lines_of(page)}
    assert '"update_root"' in said["sudo pi-auto-server fleet card --address fleet.lan:5443"]
    assert "published: 0.1.0; root version 1" in said["sudo pi-auto-server release publish bundle-2"]
    assert "published: no release yet; root version 1" in said["sudo pi-auto-server release publish bundle-3"]
    assert "published: 0.1.0+again; root version 5" in said["sudo pi-auto-server release publish bundle-4"]
    assert Desk(places.desk / "updates").waiting() == []
