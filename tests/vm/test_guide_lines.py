"""Every command line of the guide, in its order, on a Pi on which nothing was done before.

tests/test_docs.py sees to it that the table has every line that the docs print.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.guide_lines import INSTALLING, REMOVING, USING, Line
from support.vm.image import image
from support.vm.machine import Machine
from support.vm.site import Site
from support.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("others_off"), pytest.mark.unhurried]
ROOT = Path(__file__).parents[2]
CODE = "4006381333931"
GOES_ON = 15.0  # seconds a line is looked at that ends by Ctrl-C alone
WITHIN = 90.0  # seconds in which what a line shows may come to be


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The guide's server: it has a fleet."""
    site = Site(tmp_path_factory.mktemp("fleet"))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Pi out of its box."""
    with Machine(image(), tmp_path_factory.mktemp("newcomer")) as machine:
        yield machine


def typed(line: Line, site: Site) -> str:
    """The line with this site's addresses in it, and ended where nobody is there to press Ctrl-C."""
    command = line.command.replace("https://your-server:5443", site.there)
    command = re.sub(r"http://(your-server|192\.168\.1\.18|10\.0\.0\.4):5000", site.plain, command)
    return command if line.ends else f"timeout -s INT {GOES_ON:.0f} {command}"


def try_on(machine: Machine, line: Line, site: Site, dist: Path) -> None:
    """Run it until it shows what it must; AssertionError with what it shows instead."""
    if line.on == "workstation":
        return from_workstation(machine, line, site.files(dist))
    if line.on == "server":
        return on_server(line, site)

    def shows() -> bool:
        code, said = machine.status_of(typed(line, site), timeout=900)
        seen.append(said)
        return (code in line.codes or not line.ends) and re.search(line.shows, said) is not None

    seen: list[str] = []
    try:
        wait_until(shows, WITHIN, line.command)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{seen[-1]}") from None


def from_workstation(machine: Machine, line: Line, files: tuple[Path, ...]) -> None:
    program, name, *_ = line.command.split()
    if program == "scp":
        machine.copy_in(*(file for file in files if file.name == name))
    else:
        assert machine.run("whoami") == "pi"


def on_server(line: Line, site: Site) -> None:
    """On the machine of the server, which is this one."""
    command = shlex.split(line.command.replace("http://localhost:5000", site.here))
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert re.search(line.shows, said), said


@contextmanager
def somebody_scans(machine: Machine) -> Iterator[None]:
    """A person with a scanner beside the Pi, who does not stop."""
    over = threading.Event()

    def scan() -> None:
        while not over.wait(2.0):
            machine.type(CODE)

    person = threading.Thread(target=scan)
    person.start()
    try:
        yield
    finally:
        over.set()
        person.join()


@pytest.mark.parametrize("line", INSTALLING, ids=lambda line: line.command)
def test_a_line_that_installs(newcomer: Machine, dist: Path, site: Site, line: Line) -> None:
    try_on(newcomer, line, site, dist)


def test_the_first_scan_arrives(newcomer: Machine, site: Site) -> None:
    newcomer.plug_in()
    with somebody_scans(newcomer):
        site.wait_for(CODE)


@pytest.mark.parametrize("line", USING, ids=lambda line: line.command)
def test_a_line_of_every_day(newcomer: Machine, dist: Path, site: Site, line: Line) -> None:
    if line.decision:
        page = (ROOT / "docs/decisions" / line.decision).read_text()
        assert any(part in page for part in (line.command, line.command.rpartition(" ")[2])), "it is not explained"
    if "--test" in line.command or "--before-shipping" in line.command:
        with somebody_scans(newcomer):
            try_on(newcomer, line, site, dist)
    else:
        try_on(newcomer, line, site, dist)


@pytest.mark.parametrize("line", REMOVING, ids=lambda line: line.command)
def test_a_line_that_removes(newcomer: Machine, dist: Path, site: Site, line: Line) -> None:
    try_on(newcomer, line, site, dist)
