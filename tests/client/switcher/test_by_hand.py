"""What a person and the clock see of it: going back by hand, backups, turns, and what is told."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.clock import system_clock
from pi_auto.client.spool.drafts import IncidentDraft
from pi_auto.client.spool.writer import Spool
from pi_auto.client.switcher.going_on import go_back_by_hand
from pi_auto.client.switcher.telling import MOST, tell, told_in
from pi_auto.client.uuids import new_uuid
from support.update_box import QUICK, UpdateBox, release
from support.waiting import wait_until

GOOD = release("2.0.0", etc__unit="new\n", etc__added="added\n")


def test_a_release_that_was_committed_can_be_gone_back_from_by_hand_and_is_not_taken_again(box: UpdateBox) -> None:
    box.offer(GOOD)
    box.update()
    assert go_back_by_hand(box.site) == "version 1.0.0 runs again"
    assert box.running() == {"1.0.0"}
    assert (box.system("etc/unit"), box.system("etc/added")) == ("former\n", None)
    assert box.told()[-1] == ("rolled_back", "it was gone back from by hand")
    box.offer(GOOD)
    box.update()
    assert "by hand" in box.told()[-1][1]
    assert box.steps()[-1] == "refused"


def test_a_trial_can_be_ended_by_hand_while_it_is_watched(box: UpdateBox) -> None:
    box.become("agent", "out of reach")
    box.offer(release("2.0.0", {"agent": "out of reach"}))
    update = box.updating()
    wait_until(lambda: box.trial().get("started"))
    assert go_back_by_hand(box.site) == "version 1.0.0 runs again"
    assert update.ended() == 0
    assert box.steps() == ["verified", "trial", "rolled_back"]


def test_without_a_release_before_there_is_nothing_to_go_back_to(box: UpdateBox) -> None:
    with pytest.raises(SetupFailed, match="no release before"):
        go_back_by_hand(box.site)
    assert box.running() == {"1.0.0"}


@contextmanager
def installer_at_work(box: UpdateBox) -> Iterator[None]:
    """Another program that keeps all others away."""
    lock = box.root / "run/pi-auto-client-setup.lock"
    lock.touch()
    with subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True) as holder:
        wait_until(lambda: subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode)
        yield
        os.killpg(holder.pid, signal.SIGKILL)


def test_an_update_waits_for_an_installer(box: UpdateBox) -> None:
    box.offer(GOOD)
    with installer_at_work(box):
        update = box.updating()
        wait_until(lambda: not (box.root / "run/pi-auto-client/update").exists())
        assert box.version == "1.0.0"
    assert update.ended() == 0
    assert box.version == "2.0.0"


def test_an_update_that_waits_for_an_installer_in_vain_says_so(box: UpdateBox) -> None:
    box.offer(GOOD)
    with installer_at_work(box), suppress(SetupFailed):
        box.update(box.switcher(patience=replace(QUICK, turn=0.1)))
    assert box.told() == [
        ("refused", "not now: another installation or factory reset is running; wait until it has finished")
    ]


def test_an_update_waits_for_the_systems_own_and_says_so_where_that_lasts(box: UpdateBox) -> None:
    working = box.root / "apt-is-at-work"
    working.touch()
    box.offer(GOOD)
    box.update(box.switcher(patience=replace(QUICK, turn=0.1)))
    assert box.told()[-1] == ("refused", "not now: the system installs updates of its own just now")
    assert box.version == "1.0.0"
    box.ask()
    updating = box.updating()
    threading.Timer(0.3, working.unlink).start()
    assert updating.ended() == 0
    assert box.version == "2.0.0"


def test_two_updates_at_once_come_one_after_the_other(box: UpdateBox) -> None:
    box.offer(GOOD)
    both = [box.updating(), box.updating()]
    assert [one.ended() for one in both] == [0, 0]
    assert (box.version, box.steps().count("committed")) == ("2.0.0", 1)
    assert "rolled_back" not in box.steps()


def test_the_backup_holds_settings_and_queue_and_three_are_kept(box: UpdateBox) -> None:
    box.services.runs_children = True
    (box.root / "etc/pi_auto_client.json").write_text('{"server_url": "https://fleet.example:5443"}')
    now = system_clock()
    spool = Spool.open(box.site.state / "capture", now)
    spool.append([IncidentDraft(new_uuid(), "scan_lost", "a reason", now())])
    for path in [box.site.state / "capture", *(box.site.state / "capture").iterdir()]:
        os.chown(path, 65534, 65534) if os.geteuid() == 0 else None
    for number in range(2, 7):
        box.offer(release(f"{number}.0.0"), f"{number}.0.0", number)
        box.update()
    spool.close()
    backups = sorted(box.site.state.glob("backup_*.zip"))
    assert [file.name.split("_")[1] for file in backups] == ["3.0.0", "4.0.0", "5.0.0"]
    assert {file.stat().st_mode & 0o777 for file in backups} == {0o600}
    with zipfile.ZipFile(backups[0]) as archive:
        assert json.loads(archive.read("pi_auto_client.json"))["server_url"] == "https://fleet.example:5443"
        assert "batch_token" not in json.loads(archive.read("pi_auto_fleet.json"))
        copy = Path(archive.extract("spool.sqlite", box.root))
    with closing(sqlite3.connect(copy)) as queue:
        assert queue.execute("SELECT count(*) FROM records WHERE body LIKE '%a reason%'").fetchone() == (1,)
    assert not (box.site.state / "update-copying").exists()


def test_a_clock_that_was_ahead_costs_no_new_backup(box: UpdateBox) -> None:
    ahead = time.time() + 1e8
    for number in range(3):
        file = box.site.state / f"backup_0.{number}.0_20400101T000000Z.zip"
        file.touch()
        os.utime(file, (ahead, ahead + number))
    box.offer(GOOD)
    box.update()
    assert box.steps()[-1] == "committed"
    kept = {file.name.split("_")[1] for file in box.site.state.glob("backup_*.zip")}
    assert kept == {"0.1.0", "0.2.0", "1.0.0"}


def test_a_queue_that_cannot_be_read_does_not_keep_a_fix_away(box: UpdateBox) -> None:
    box.services.runs_children = True
    (box.site.state / "capture/spool.sqlite").write_bytes(b"not a database" * 100)
    box.offer(GOOD)
    box.update()
    assert box.steps()[-1] == "committed"
    (backup,) = box.site.state.glob("backup_*.zip")
    with zipfile.ZipFile(backup) as archive:
        assert "the queue is not in this backup" in archive.read("queue.txt").decode()


def test_what_is_told_is_numbered_bounded_and_not_told_twice(tmp_path: Path) -> None:
    for number in range(2 * MOST):
        for _ in range(2):
            tell(tmp_path, f"{number:064x}", "1.0.0", "trial", owner=os.geteuid())
    told = told_in(tmp_path, os.geteuid())
    assert [one["number"] for one in told] == list(range(MOST + 1, 2 * MOST + 1))
    assert datetime.fromisoformat(told[-1]["time"]).tzinfo == UTC
