"""Two virtual Pis, one at a time: `pi` lives through a day's use, `bare` is for installing.

PI_AUTO_VM        1: the cases are run at all (script/test-vm sets it)
PI_AUTO_VM_KIND   which kind of virtual Pi, see tests/support/vm/kinds.py; amd64 unless told
PI_AUTO_VM_LONG   1: full counts
PI_AUTO_VM_SHORT  1: without the cases that are marked `unhurried`: each takes minutes
PI_AUTO_UPDATE_CUTS  how many power cuts in updates, if not 3, or 30 with full counts
PI_AUTO_VM_SEED   what the random cases follow
PI_AUTO_VM_REPORT a file for results and figures, as JSON
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.vm.appliance import Appliance
from support.vm.figures import Figures
from support.vm.image import image
from support.vm.kinds import KINDS, Kind
from support.vm.machine import Machine
from support.vm.site import Site
from support.vm.updated import Updated

ROOT = Path(__file__).parents[2]
FIRST = ("test_guide",)  # begins before anything is installed
LAST = (
    "test_installing",
    "test_guide_lines",
    "test_server",
    "test_reset",
    "test_image",
    "test_clock",
    "test_clones",
    "test_migration",
    "test_wifi",
)  # modules with a Pi of their own

# The virtual Pi takes minutes: it is tried by script/test-vm.
collect_ignore_glob = [] if os.environ.get("PI_AUTO_VM") == "1" else ["test_*.py"]

_figures = Figures()
_shared: list[Machine] = []  # the session's Pi, once a case has asked for it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where everything is slow only what must hold everywhere is tried; by CI what fits into its time."""
    items.sort(key=lambda item: (item.path.stem not in FIRST, item.path.stem in LAST))
    left_out = [item for item in items if item.get_closest_marker("unhurried")] if _is_hurried() else []
    if _kind().is_foreign:
        left_out += [item for item in items if item.get_closest_marker("everywhere") is None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or (report.when == "setup" and not report.passed):
        name = report.nodeid.partition("tests/vm/")[2]
        _figures.cases.append({"case": name, "outcome": report.outcome, "seconds": round(report.duration, 1)})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures.measured:
        terminalreporter.section(f"measured on the virtual Pi, {_kind().name}, seed {_seed()}")
        for line in _figures.table():
            terminalreporter.write_line(line)
    if report := os.environ.get("PI_AUTO_VM_REPORT"):
        Path(report).write_text(json.dumps({"kind": _kind().name, "seed": _seed(), **_figures.to_json()}))


def _is_hurried() -> bool:
    return os.environ.get("PI_AUTO_VM_SHORT") == "1"


def _kind() -> Kind:
    return KINDS[os.environ.get("PI_AUTO_VM_KIND", "amd64")]


def _seed() -> int:
    return int(os.environ.get("PI_AUTO_VM_SEED", "20"))


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether full counts are wanted."""
    return os.environ.get("PI_AUTO_VM_LONG") == "1"


@pytest.fixture(scope="session")
def figures() -> Figures:
    return _figures


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The same numbers for the same case and seed."""
    return random.Random(f"{_seed()} {request.node.name}")


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two files of the guide, freshly made."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, str(ROOT / "script/dist"), str(folder)], check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.stop()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Pi on which nothing has been done yet."""
    kind = _kind()
    if shutil.which(kind.emulator) is None:
        pytest.fail(f"{kind.emulator} is missing: apt-get install {kind.needs}")
    with Machine(image(kind.name), tmp_path_factory.mktemp("pi")) as machine:
        _shared.append(machine)
        yield machine


@pytest.fixture(scope="session")
def installed(machine: Machine, site: Site, dist: Path, figures: Figures) -> Iterator[Appliance]:
    """Installed as the guide says: two files copied, one command."""
    pi = Appliance(machine, site)
    pi.copy_in(dist)
    _, said = pi.install()
    print(said)
    yield pi
    figures.add("pieces of codes that the emulator's stalls excuse", pi.excused(), "", "0")


@pytest.fixture(scope="module")
def others_off() -> None:
    """For a module with a Pi of its own: two at once are too slow to scan with. One not made yet stays so."""
    for machine in _shared:
        if machine.is_on:
            machine.shut_down()


@pytest.fixture
def pi(installed: Appliance) -> Iterator[Appliance]:
    """The Pi in use. Whatever a case does to it: no key reaches the console, and no code is damaged or doubled."""
    if not installed.machine.is_on:
        installed.machine.power_on()
    before = installed.machine.console_keys()
    yield installed
    assert installed.machine.console_keys() == before
    assert installed.damaged() == []


@pytest.fixture(scope="session")
def fleets(installed: Appliance, tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """The session's Pi, and the fleet whose releases it is to believe. Its counters grow through all modules."""
    return Updated(installed, tmp_path_factory.mktemp("releases"))


@pytest.fixture
def updated(pi: Appliance, fleets: Updated) -> Iterator[Updated]:
    """It scans and takes updates; whatever a case does, all that it has stored has arrived once in the end."""
    fleets.prepare()
    pi.wait_for_services()
    pi.have_scanner()
    yield fleets
    pi.wait_until_all_is_there()
