"""Every command line of the server's page, in its order, on a Debian 12 on which nothing was done before.

tests/install/test_server_unit.py sees to it that the table has every line that the page prints.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.guide_lines import Line
from support.server_lines import ARCHIVE, LINES
from support.vm.image import image
from support.vm.machine import Machine

from .conftest import ROOT

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
_WITHIN = 1800.0  # seconds: 35 packages are unpacked and compiled by an emulated processor
_NAMES = [f"{number:02} {line.command}" for number, line in enumerate(LINES)]  # some lines come twice


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the archive in the home folder of whoever is to install it."""
    folder = tmp_path_factory.mktemp("server")
    subprocess.run([str(ROOT / "script/dist-server"), "--wheels", str(folder)], check=True, cwd=ROOT)
    with Machine(image(), folder / "machine") as machine:
        machine.copy_in(archive_in(folder))
        yield machine


def archive_in(folder: Path) -> Path:
    return folder / f"{ARCHIVE}.tar.gz"


@pytest.mark.parametrize("line", LINES, ids=_NAMES)
def test_a_line_of_the_servers_page(server: Machine, line: Line) -> None:
    code, said = server.status_of(line.command, timeout=_WITHIN)
    assert code in line.codes, said
    assert re.search(line.shows, said), said


def test_nothing_of_it_is_left(server: Machine) -> None:
    places = "/opt/pi-auto-server /etc/pi-auto-server /var/lib/pi-auto-server /var/backups/pi-auto-server"
    _, said = server.status_of(f"ls -d {places}; id pi-auto-server; systemctl list-unit-files 'pi-auto-server*'")
    assert said.count("No such file or directory") == 4, said
    assert "no such user" in said
    assert "0 unit files listed" in said
