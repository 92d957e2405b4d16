"""Whoever may wake the switcher may not keep it busy: it starts a few times at once, then once in a while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pi_auto.client.switcher.pacing import AT_ONCE, pause_before
from pi_auto.client.switcher.site import Site
from support.update_box import QUICK, Switcher, UpdateBox, release

BETWEEN = 0.3  # seconds, for twenty minutes
LASTS = 1.2  # seconds of mischief
GOOD = release("2.0.0", etc__unit="new\n")
MISCHIEF = {
    "a mark that is made again and again": "while :; do touch update; done",
    "a mark that is gone before anybody looks": "while :; do touch update; rm update; done",
    "a mark that nobody can take away": "mkdir update; sleep 60",
}


def paced(box: UpdateBox) -> Site:
    return box.switcher(patience=replace(QUICK, between=BETWEEN, deadline=20.0))


def starts_in(box: UpdateBox, seconds: float, least: int = 0) -> int:
    """How often a systemd that always sees the mark gets the switcher through; every time in a new process.

    As long as that, and until that many have begun.
    """
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until or count < least:
        assert Switcher(lambda: box.update(paced(box))).ended() == 0
        count += 1
    return count


@contextmanager
def mischief(box: UpdateBox, command: str) -> Iterator[None]:
    """Of the agent's user, if there is another user here."""
    folder = box.root / "run/pi-auto-client"
    user = 65534 if os.geteuid() == 0 else None
    shutil.chown(folder, user) if user else None
    with subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, user=user, process_group=0) as child:
        try:
            yield
        finally:
            os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("what", MISCHIEF)
def test_whoever_wakes_it_endlessly_with_junk_gets_few_starts_and_hinders_no_good_release(
    box: UpdateBox, what: str
) -> None:
    box.offer(b"junk" * 1000)
    (box.ready / "metadata/targets.json").write_text("junk")
    (box.root / "run/pi-auto-client/update").unlink()
    began, cpu = time.monotonic(), os.times().children_user
    with mischief(box, MISCHIEF[what]):
        starts = starts_in(box, LASTS, AT_ONCE)
        took = time.monotonic() - began
        assert AT_ONCE <= starts <= AT_ONCE + took / BETWEEN + 1
        assert os.times().children_user - cpu < took, "it sleeps meanwhile"
        assert box.version == "1.0.0"
    box.offer(GOOD)
    starts_in(box, 0.1)
    assert box.version == "2.0.0"
    assert not (box.root / "run/pi-auto-switcher-starts").exists(), "what was committed gives the starts back"


def test_a_trial_under_way_is_gone_on_with_at_once(box: UpdateBox) -> None:
    box.offer(GOOD)
    assert box.updating(cut_at=8).ended() < 0
    assert box.trial()
    (box.root / "run/pi-auto-switcher-starts").write_text("1e9\n")
    began = time.monotonic()
    box.update(box.switcher(patience=replace(QUICK, between=60.0)))
    assert time.monotonic() - began < 30.0
    assert box.version == "2.0.0"


@pytest.mark.parametrize("kept", ["junk", "nan", "1e300", "-5", ""])
def test_what_cannot_be_read_stops_no_update_for_good(box: UpdateBox, kept: str) -> None:
    (box.root / "run/pi-auto-switcher-starts").write_text(kept)
    box.offer(GOOD)
    box.update(paced(box))
    assert box.version == "2.0.0"


def test_where_starts_cannot_be_counted_it_always_waits(box: UpdateBox) -> None:
    (box.root / "run/pi-auto-switcher-starts").mkdir()
    began = time.monotonic()
    starts = starts_in(box, 0.5)
    assert starts <= 1 + (time.monotonic() - began) / BETWEEN


def test_a_pause_is_never_longer_than_the_usual_one() -> None:
    between, paid, now = 1200.0, 0.0, 50.0
    for _ in range(AT_ONCE):
        assert pause_before(paid, now, between) == 0
        paid = max(paid, now) + between
    assert pause_before(paid, now, between) == between
    assert pause_before(paid, now + between / 2, between) == between / 2
    assert pause_before(paid + 1e12, now, between) == between
