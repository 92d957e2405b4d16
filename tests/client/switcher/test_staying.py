"""A capture that is the same in the new release goes on scanning; any other is restarted with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pi_auto.client.appliance.release import unpack
from pi_auto.client.switcher.likeness import captures_alike, names_loaded
from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT
from pi_auto.client.switcher.staying import still_needed
from support.releases import release_of
from support.update_box import UpdateBox, release
from support.waiting import wait_until

_BEGINNING = "pi_auto/client/beginning.py"
_START = "def begin(words):\n    from pi_auto.client.capture.program import run\n"
_CODE = {_BEGINNING: _START, "pi_auto/client/capture/program.py": "import json\nfrom pi_auto.wire import scan\n"}
_CODE |= {"pi_auto/wire/scan.py": "LIMIT = 1\n", "pi_auto/wire/update.py": "LIMIT = 1\n"}
_UNIT = "appliance/system/etc/systemd/system"


def _release(version: str, changes: dict[str, str] | None = None, does: dict[str, str] | None = None) -> bytes:
    return release(version, does, code=_CODE | (changes or {}))


@pytest.fixture
def box(folder: Path) -> UpdateBox:
    """A device whose releases have code."""
    return UpdateBox(folder, _release("1.0.0"))


def _runs_from(box: UpdateBox) -> dict[str, str]:
    return {unit: told["release"] for unit, told in box.services.all()["units"].items()}


def _update(box: UpdateBox, version: str, counter: int, archive: bytes) -> None:
    box.offer(archive, version, counter)
    box.update()


def test_a_capture_that_is_the_same_goes_on_and_all_else_is_the_new_release(box: UpdateBox) -> None:
    _update(box, "2.0.0", 2, _release("2.0.0", {"pi_auto/wire/update.py": "LIMIT = 2\n"}))
    assert box.steps()[-1] == "committed"
    assert _runs_from(box) == {CAPTURE_UNIT: "1.0.0", AGENT_UNIT: "2.0.0"}


CHANGES = {
    "its own code": ("pi_auto/client/capture/program.py", "import sqlite3\n"),
    "what it loads": ("pi_auto/wire/scan.py", "LIMIT = 2\n"),
    "a table that it may load by name": ("pi_auto/client/capture/keys/tables/fr.py", "A = 1\n"),
    "the package around it": ("pi_auto/wire/__init__.py", "LIMIT = 2\n"),
    "a module that goes before the system's": ("json.py", "def loads(text): ...\n"),
    "its unit": (f"{_UNIT}/pi-auto-capture.service", "[Service]\n"),
    "a part of its unit": (f"{_UNIT}/pi-auto-capture.service.d/more.conf", "[Service]\n"),
    "what it may open": ("appliance/system/etc/udev/rules.d/72-pi-auto-client.rules", "#\n"),
    "code that cannot be read": ("pi_auto/wire/scan.py", "LIMIT =\n"),
    "code whose imports cannot be told": ("pi_auto/wire/scan.py", "from . import ids\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_capture_that_differs_in_anything_is_restarted(box: UpdateBox, change: str) -> None:
    _update(box, "2.0.0", 2, _release("2.0.0", dict([CHANGES[change]])))
    assert _runs_from(box) == {CAPTURE_UNIT: "2.0.0", AGENT_UNIT: "2.0.0"}


def test_units_of_others_do_not_restart_it(box: UpdateBox) -> None:
    _update(box, "2.0.0", 2, _release("2.0.0", {f"{_UNIT}/pi-auto-client.service": "[Service]\n"}))
    assert _runs_from(box)[CAPTURE_UNIT] == "1.0.0"


@pytest.mark.parametrize("does", ["no room", "no scanner"])
def test_a_capture_that_does_not_work_is_restarted_though_it_is_the_same(box: UpdateBox, does: str) -> None:
    box.become("capture", does)
    _update(box, "2.0.0", 2, _release("2.0.0"))
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"


def test_a_capture_that_was_started_again_by_itself_begins_its_trial_anew(box: UpdateBox) -> None:
    units = box.services.all()["units"]
    box.services.write(units=units | {CAPTURE_UNIT: units[CAPTURE_UNIT] | {"restarts": 3}})
    _update(box, "2.0.0", 2, _release("2.0.0"))
    assert box.steps()[-1] == "committed"
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"


def test_the_release_it_was_started_from_is_kept_until_it_has_ended(box: UpdateBox) -> None:
    for number in (2, 3, 4):
        _update(box, f"{number}.0.0", number, _release(f"{number}.0.0"))
    assert _runs_from(box)[CAPTURE_UNIT] == "1.0.0"
    assert _there(box) == ["1.0.0", "3.0.0", "4.0.0"]
    box.services.restart(CAPTURE_UNIT)  # as after a crash
    _update(box, "5.0.0", 5, _release("5.0.0"))
    assert _there(box) == ["4.0.0", "5.0.0"]


@pytest.mark.parametrize("told", ["", "..", "../../etc", "9.9.9", 7, None])
def test_where_it_is_not_told_what_it_runs_from_it_is_restarted(box: UpdateBox, told: object) -> None:
    file = box.site.state / "capture/bulletin.json"
    said = json.loads(file.read_text())
    said["posts"]["release"] = {"since": 1, "news": told}
    file.write_text(json.dumps(said))
    _update(box, "2.0.0", 2, _release("2.0.0"))
    assert _runs_from(box)[CAPTURE_UNIT] == "2.0.0"


def test_no_release_is_removed_while_capture_runs_and_tells_of_none(box: UpdateBox) -> None:
    (box.opt / "releases/0.9.0").mkdir()
    assert [place.name for place in still_needed(box.site)] == ["1.0.0"]
    box.become("capture", "well")  # as a bulletin on a full disk: it tells nothing of it any more
    assert sorted(place.name for place in still_needed(box.site)) == ["0.9.0", "1.0.0"]
    box.services.write(units={})
    assert still_needed(box.site) == []


def test_going_back_leaves_it_alone_as_well(box: UpdateBox) -> None:
    _update(box, "2.0.0", 2, _release("2.0.0", does={"agent": "crash"}))
    assert box.steps()[-1] == "rolled_back"
    assert box.version == "1.0.0"
    assert _runs_from(box) == {CAPTURE_UNIT: "1.0.0", AGENT_UNIT: "1.0.0"}
    assert box.services.started(CAPTURE_UNIT) == 1


def test_after_a_boot_it_is_the_new_release_that_runs(box: UpdateBox) -> None:
    _update(box, "2.0.0", 2, _release("2.0.0"))
    box.boot()
    assert _runs_from(box) == {CAPTURE_UNIT: "2.0.0", AGENT_UNIT: "2.0.0"}


def test_everything_that_a_real_capture_loads_is_compared_and_no_version_is(tmp_path: Path) -> None:
    """It runs out of an unpacked release and tells all its modules, those loaded late too."""
    home = _unpacked(tmp_path, "0.1.0")
    compared = names_loaded(home / "app")
    loaded = _loaded_by_capture(home / "app", tmp_path)
    assert {"pi_auto/client/capture/clerk.py", "pi_auto/client/spool/writer.py"} <= loaded <= compared
    parts = {"pi_auto/version.py", "pi_auto/client/cli.py", "appliance/version", "appliance/built"}
    assert not compared & parts
    assert not [name for name in compared if name.startswith(("pi_auto/client/agent", "pi_auto/client/switcher"))]


def test_releases_of_the_present_code_that_differ_in_other_rooms_have_the_same_capture(tmp_path: Path) -> None:
    one = _unpacked(tmp_path, "0.1.0")
    other = _unpacked(tmp_path, "0.2.0", {"pi_auto/client/agent/agent.py": "# another\n"})
    third = _unpacked(tmp_path, "0.3.0", {"pi_auto/client/spool/schema.py": "# another\n"})
    assert captures_alike(one, other)
    assert not captures_alike(one, third)


def _unpacked(folder: Path, version: str, changes: dict[str, str] | None = None) -> Path:
    archive = folder / f"{version}.py"
    archive.write_bytes(release_of(version, changes))
    return unpack(archive, folder / "opt")


def _loaded_by_capture(app: Path, folder: Path) -> set[str]:
    """What it has loaded by the time it has stored a code and ended: python -v says so on its standard error."""
    scanner, said = folder / "scanner", folder / "said"
    os.mkfifo(scanner)
    command = [
        sys.executable,
        "-I",
        "-v",
        str(app),
        "capture",
        "--state",
        str(folder / "s"),
        "--scanner",
        str(scanner),
    ]
    with said.open("wb") as log, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log) as capture:
        try:
            wait_until((folder / "s/capture/bulletin.json").exists, 30, "capture is up")
            wait_until((folder / "s/capture/spool.sqlite").exists, 30, "its spool is open")
            told = json.loads((folder / "s/capture/bulletin.json").read_text())
            assert told["posts"]["release"]["news"] == app.parent.name
        finally:
            capture.terminate()
    found = (
        line.split()[1] for line in said.read_text(errors="replace").splitlines() if line.startswith("import '")
    )
    names = (name.strip("'").replace(".", "/") for name in found)
    files = (file for name in names for file in (f"{name}.py", f"{name}/__init__.py"))
    return {file for file in files if (app / file).is_file()}


def _there(box: UpdateBox) -> list[str]:
    return sorted(place.name for place in (box.opt / "releases").iterdir())
