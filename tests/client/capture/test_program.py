"""The whole capture program as a process: a FIFO typed into at one end, records in the spool at the other."""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pi_auto.client.bulletin import FILE, posts_in
from pi_auto.client.capture.guarding import GUARD
from pi_auto.client.clock import boottime_ns
from pi_auto.client.spool.doorbell import Bell
from pi_auto.client.spool.replacing import SET_ASIDE
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.wire.scan import Incident, Scan
from support.captures import PROGRAM, Bench
from support.keys import MS, Fifo, overflow, recording, typed
from support.spools import held, texts
from support.waiting import wait_until

EAN = "4006381333931"


def test_codes_are_stored_told_and_rung_for(bench: Bench) -> None:
    (bench.state / "agent").mkdir(parents=True)
    bell = Bell(bench.state / "agent" / "wake.sock")
    with bench.capture() as capture:
        bench.type(EAN)
        capture.wait_for_scans(1)
        assert bell.wait(5)
        bench.type("<script>")
        capture.wait_for_scans(2)
        assert capture.stop() == 0
    bell.close()
    first, second = held(bench.folder)
    assert isinstance(first, Scan)
    assert (first.text, first.raw, first.scanner.id) == (EAN, EAN.encode(), "fifo:scanner")
    assert first.stamp.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 0 <= second.stamp.boottime_ns - first.stamp.boottime_ns < boottime_ns()
    assert capture.stored() == [EAN, "<script>"]


def test_it_tells_what_is_open_and_that_it_stores_until_it_stops(bench: Bench) -> None:
    with bench.capture() as capture:
        wait_until(lambda: len(posts_in(bench.folder)) == 4, what="its news")
        told = {topic: post.news for topic, post in posts_in(bench.folder).items()}
        assert [(one["path"], one["standing"]) for one in told["scanners"]] == [(str(bench.fifo.path), "scanner")]
        assert told["troubles"] == {}
        assert told["storing"]["ok"]
        assert told["signals"]["ok"]
        assert capture.stop() == 0
    assert not (bench.folder / FILE).exists()


def test_of_a_capture_that_was_killed_nothing_is_believed(bench: Bench) -> None:
    with bench.capture() as capture:
        wait_until(lambda: posts_in(bench.folder), what="its news")
        capture.process.kill()
        capture.process.wait()
        assert posts_in(bench.folder) == {}


def test_a_code_without_a_suffix_is_stored_after_silence(bench: Bench) -> None:
    with bench.capture() as capture:
        bench.type(EAN, suffix=None)
        capture.wait_for_scans(1)
        assert capture.stop() == 0
    assert texts(held(bench.folder)) == [EAN]


def test_dropped_keys_are_stored_as_a_loss(bench: Bench) -> None:
    with bench.capture() as capture:
        start = boottime_ns()
        bench.fifo.send([*typed(EAN, start, keep=slice(20)), *overflow(start + MS), *typed(EAN, start + 300 * MS)])
        capture.said("scan_lost: number=1")
        capture.wait_for_scans(1)
        capture.stop()
    loss, scan = held(bench.folder)
    assert isinstance(loss, Incident)
    assert "SYN_DROPPED" in loss.reason
    assert loss.scanner == scan.scanner
    assert texts([scan]) == [EAN]


def test_barcodes_can_be_kept_out_of_the_log(bench: Bench) -> None:
    with bench.capture(None, "--silent") as capture:
        bench.type(EAN)
        capture.wait_for_scans(1)
        capture.stop()
    assert EAN not in capture.log.read_text()
    assert texts(held(bench.folder)) == [EAN]


def test_a_control_character_in_a_code_forges_no_log_line(bench: Bench) -> None:
    with bench.capture() as capture:
        start = boottime_ns()
        newline = [
            event._replace(code=36) if event.code == 30 else event for event in typed("a", start, suffix=None)
        ]
        ctrl = newline[0]._replace(code=29)
        bench.fifo.send([ctrl, *newline, ctrl._replace(value=0), *typed("forged", start + 3 * MS)])
        capture.wait_for_scans(1)
        capture.stop()
    assert capture.stored() == ["\\nforged"]
    assert texts(held(bench.folder)) == ["\nforged"]


def test_after_a_kill_only_the_code_it_was_in_is_lost_and_what_waits_is_read(bench: Bench) -> None:
    with bench.capture() as capture:
        bench.type("BEFORE")
        capture.wait_for_scans(1)
    start = boottime_ns()
    bench.fifo.send([*typed("TAIL", start), *typed("WAITS", start + 20 * MS), *typed("TOO", start + 40 * MS)])
    with bench.capture() as capture:
        capture.wait_for_scans(2)
        capture.stop()
    assert texts(held(bench.folder)) == ["BEFORE", "WAITS", "TOO"]
    losses = [record.reason for record in held(bench.folder) if isinstance(record, Incident)]
    assert losses == ["the scanner was opened in the middle of this code, or just before it"]


def test_stopping_in_a_code_reports_it_as_lost(bench: Bench) -> None:
    with bench.capture() as capture:
        # Keys "pressed" a little later than now: silence has not ended them when the signal comes.
        bench.fifo.send(typed("HALF", boottime_ns() + 2000 * MS, suffix=None))
        wait_until(bench.fifo.is_drained, what="the keys are read")
        assert capture.stop() == 0
    (loss,) = held(bench.folder)
    assert isinstance(loss, Incident)
    assert "stopped" in loss.reason


def test_a_spool_broken_under_a_running_capture_is_replaced_and_nothing_waiting_is_lost(bench: Bench) -> None:
    with bench.capture() as capture:
        bench.type("FIRST")
        capture.wait_for_scans(1)
    (bench.folder / FILE_NAME).write_bytes(b"\xa5" * 20_000)
    (bench.folder / f"{FILE_NAME}-wal").unlink(missing_ok=True)
    with bench.capture() as capture:
        bench.type("SECOND")
        capture.wait_for_scans(1)
        capture.said("spool_replaced: number=1")
        capture.stop()
    assert texts(held(bench.folder)) == ["SECOND"]
    assert len(list(bench.folder.glob(f"{SET_ASIDE}/*/{FILE_NAME}"))) == 1


def test_on_a_full_disk_scans_wait_and_are_stored_when_there_is_room(bench: Bench) -> None:
    with bench.capture(None, "--full-disk") as capture:
        bench.type(EAN)
        bench.type("OTHER")
        capture.said("nothing can be stored in")
        assert capture.stored() == []
        told = posts_in(bench.folder)["storing"].news
        assert not told["ok"]
        assert f"nothing can be stored in {bench.folder}: " in told["said"]
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(capture.process.pid, resource.RLIMIT_FSIZE, unlimited)
        capture.wait_for_scans(2)
        capture.said("storing again")
        assert posts_in(bench.folder)["storing"].news == {"ok": True, "said": "every scan is stored"}
        assert capture.stop() == 0
    assert capture.log.read_text().count("nothing can be stored") <= 2
    assert texts(held(bench.folder)) == [EAN, "OTHER"]


def test_a_recording_is_played_through_the_same_way(bench: Bench, tmp_path: Path) -> None:
    path = recording(tmp_path / "recording", [*typed(EAN, suffix=None), *typed("NEXT", 5_400 * MS, suffix=None)])
    with bench.capture(f"replay:{path}") as capture:
        capture.wait_for_scans(2)
        assert capture.process.poll() is None, "it stays up after the end"
        assert posts_in(bench.folder)["scanners"].news[0]["id"] == "replay:recording"
        capture.stop()
    first, second = held(bench.folder)
    assert texts([first, second]) == [EAN, "NEXT"]
    assert second.stamp.boottime_ns - first.stamp.boottime_ns == (400 + 6 - 24) * MS


def test_a_scanner_may_be_plugged_in_later(bench: Bench) -> None:
    fifo = bench.fifo.path.with_name("later")
    with bench.capture(str(fifo)) as capture:
        scanner = Fifo(fifo)
        capture.said("scanner opened: fifo:later")
        opened = boottime_ns()
        scanner.send(typed(EAN, opened + GUARD))
        capture.wait_for_scans(1)
        assert capture.stop() == 0
        scanner.close()
    assert capture.log.read_text().count("waiting for it") == 1


def test_garbage_from_a_scanner_does_not_stop_it(bench: Bench) -> None:
    with bench.capture() as capture:
        for _ in range(20):
            bench.fifo.write(os.urandom(24 * 100))
            wait_until(bench.fifo.is_drained, what="the garbage is read")
        bench.type(EAN)
        wait_until(bench.fifo.is_drained, what="the code is read")
        assert capture.stop() == 0


def run(state: Path, scanner: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(state), scanner, "--impatient"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_a_second_capture_on_one_folder_refuses(bench: Bench) -> None:
    with bench.capture() as capture:
        second = run(bench.state, "auto")
        assert second.returncode == 2
        assert "in use by another capture" in second.stderr
        assert capture.stop() == 0


def test_a_capture_waits_for_the_one_before_it_to_go(bench: Bench) -> None:
    with bench.capture():
        pass
    with (bench.folder / "capture.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(1.0, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        with bench.capture() as capture:
            bench.type(EAN)
            capture.wait_for_scans(1)
            assert capture.stop() == 0


def test_a_lock_that_cannot_be_used_is_one_sentence(bench: Bench) -> None:
    (bench.folder / "capture.lock").mkdir(parents=True)
    ended = run(bench.state, "auto")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "capture.lock cannot be used (Is a directory)" in ended.stderr


@pytest.mark.parametrize(
    ("state", "scanner", "says"),
    [
        ("file", "auto", "state folder"),
        ("file/below", "auto", "state folder"),
        ("new", "replay:/no/such/recording", "/no/such/recording cannot be read"),
        ("new", "replay:{folder}/cut", "line 1 is 'E: 1.0'"),
        ("new", "no-scanner", "allowed: auto"),
        ("new", "{folder}/file", "is no device"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    tmp_path: Path, state: str, scanner: str, says: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "cut").write_text("E: 1.0")
    ended = run(tmp_path / state, scanner.format(folder=tmp_path))
    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert logging.getLevelName(logging.CRITICAL) not in ended.stderr
