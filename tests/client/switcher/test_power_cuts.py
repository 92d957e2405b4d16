"""SIGKILL at every step boundary, and before every change to the disk: one good release, finished or gone back."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest

from support.update_box import UpdateBox, release

GOOD = release("2.0.0", etc__unit="new\n", etc__added="added\n")
CRASHES = release("2.0.0", {"agent": "crash"}, etc__unit="new\n", etc__added="added\n")
RELEASES = {"works": (GOOD, "2.0.0", "committed"), "crashes": (CRASHES, "1.0.0", "rolled_back")}
LONG = os.environ.get("PI_AUTO_PROPERTY_EXAMPLES") == "new"  # script/test-long tries all
EVERY = 1 if LONG else 17


@pytest.fixture(autouse=True)
def _skip_elsewhere() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, as the switcher does")


def is_whole(box: UpdateBox) -> bool:
    """Whether there is one good release at every moment: the link names a folder that has all of its files."""
    app = box.opt / "current/app"
    return all((app / name).is_file() for name in ("__main__.py", "appliance/version", "behaviour.json"))


def recover(box: UpdateBox, *, boots: bool) -> None:
    """What happens by itself afterwards: a boot or systemd's restart, and an agent that hands over once more."""
    if boots:
        box.boot()
    if box.ready.exists() and (not box.steps() or box.steps()[-1] == "verified"):
        box.ask()
    box.update()


def check(box: UpdateBox, kind: str, where: object) -> None:
    _, version, step = RELEASES[kind]
    assert box.steps()[-1] == step, where
    assert box.version == version, where
    assert box.running() == {version}, where
    files = (box.system("etc/unit"), box.system("etc/added"))
    assert files == (("new\n", "added\n") if version == "2.0.0" else ("former\n", None)), where
    assert box.leftovers() == [], where
    assert [folder.name for folder in box.opt.glob("releases/.*")] == [], where


@pytest.mark.parametrize("kind", RELEASES)
def test_at_every_step_boundary(kind: str) -> None:
    """The power goes, or the process alone is killed; both at each only where there is time."""
    steps: list[str] = []
    with_box(lambda box: (box.offer(RELEASES[kind][0]), box.update(box.switcher(steps.append))))
    assert len(steps) >= 15

    def cut(box: UpdateBox, number: int, *, boots: bool) -> None:
        box.offer(RELEASES[kind][0])
        assert box.updating(number).ended() == -9
        assert is_whole(box)
        recover(box, boots=boots)
        check(box, kind, steps[number - 1])

    for number in range(1, len(steps) + 1):
        for boots in (True, False):
            if LONG or boots == (number % 2 == (kind == "works")):
                with_box(partial(cut, number=number, boots=boots))


@pytest.mark.parametrize("kind", RELEASES)
def test_before_every_change_to_the_disk(kind: str) -> None:
    number = 1
    ended = -9

    def cut(box: UpdateBox) -> None:
        nonlocal ended
        box.offer(RELEASES[kind][0])
        ended = box.updating_until_change(number).ended()
        assert is_whole(box)
        recover(box, boots=number % 2 == 0)
        check(box, kind, f"before change {number}")

    while ended == -9:
        with_box(cut)
        number += EVERY
    assert ended == 0
    assert number > 100


def test_while_going_back_at_boot() -> None:
    def cut(box: UpdateBox, number: int) -> bool:
        box.offer(CRASHES)
        box.updating(12).ended()
        for _ in range(2):
            box.boot()
        killed = box.booting(number).ended() != 0
        assert is_whole(box)
        recover(box, boots=True)
        check(box, "crashes", f"step {number} of the boot")
        return killed

    number = 1
    while with_box(partial(cut, number=number)):
        number += 1
    assert number > 5


def with_box(work: object) -> bool:
    """Do it on a device of its own."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a kill is tried, and no disk
    folder = Path(tempfile.mkdtemp(prefix="pi-auto-switcher-", dir=memory))
    try:
        box = UpdateBox(folder)
        return bool(work(box))  # type: ignore[operator]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
