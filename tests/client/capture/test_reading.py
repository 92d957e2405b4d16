"""The reader's loop with real devices in it: a FIFO, a pseudo-terminal, reports; and what it must never do."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_auto.client import clock
from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.hid.descriptor import parse_descriptor
from pi_auto.client.capture.hid.pos import PosReports
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.lookout import Lookout
from pi_auto.client.capture.notices import Notice
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.roll import Roll
from pi_auto.client.capture.serial.tty import open_line
from pi_auto.client.capture.sources.hid import PosSource
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.line import LineSource
from pi_auto.client.capture.sources.source import Source
from pi_auto.client.clock import boottime_ns, system_clock
from pi_auto.client.spool.drafts import IncidentDraft, ScanDraft
from pi_auto.wire.scan import Scanner
from support.hid import HONEYWELL, honeywell, honeywell_reports
from support.keys import MS, Fifo, typed
from support.lookouts import Takes, knowledge
from support.waiting import wait_until

EAN = "4006381333931"
IDLE = 2.5  # seconds: longer than what the lookout once waited between two looks


class Nobody:
    """Who is told of what becomes of the scanners."""

    def note(self, notice: Notice) -> None:
        """Nothing to do."""


class Running:
    """A reader that runs in a thread of its own."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        stopped, self._stop = os.pipe()
        self.reader = Reader(self.inbox, system_clock(), stopped, Nobody())
        self._thread = threading.Thread(target=self.reader.run)
        self._descriptors = (stopped, self._stop)
        self._thread.start()

    def adopt(self, source: Source) -> None:
        self.reader.adopt(source)

    def stop(self) -> None:
        os.write(self._stop, b"!")
        self._thread.join(5)
        for descriptor in self._descriptors:
            os.close(descriptor)


@contextmanager
def reader() -> Iterator[Running]:
    running = Running()
    try:
        yield running
    finally:
        running.stop()


def brought(inbox: Inbox, number: int) -> list[tuple[str, str]]:
    """So many scans and losses: whose, and what."""
    found: list[tuple[str, str]] = []

    def enough() -> bool:
        for each in inbox.take(100, 0.01)[0]:
            if isinstance(each, ScanDraft):
                found.append((each.scanner.id, each.text))
            elif isinstance(each, IncidentDraft) and each.scanner:
                found.append((each.scanner.id, f"lost: {each.reason}"))
        return len(found) >= number

    wait_until(enough, what=f"{number} scans or losses")
    return found


class Raw:
    """A raw HID device that a test sends reports from."""

    def __init__(self) -> None:
        self._device, host = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        host.setblocking(False)
        self.source = PosSource(
            Path("/dev/hidraw0"), Scanner("usb-A"), host.detach(), PosReports(parse_descriptor(HONEYWELL))
        )
        self.source.opened_at = None

    def send(self, *reports: bytes) -> None:
        for report in reports:
            self._device.send(report)

    def close(self) -> None:
        self._device.close()


@pytest.fixture
def raw() -> Iterator[Raw]:
    raw = Raw()
    yield raw
    raw.close()


def test_scanners_of_all_kinds_are_read_beside_one_another(tmp_path: Path, raw: Raw) -> None:
    fifo, (device, there) = Fifo(tmp_path / "fifo"), pty.openpty()
    keys = KeyboardSource(fifo.path)
    line = LineSource(Path(os.ttyname(there)), Scanner("usb-B"), open_line(Path(os.ttyname(there))))
    keys.opened_at = line.opened_at = None
    with reader() as running:
        for source in (keys, line, raw.source):
            running.adopt(source)
        raw.send(*honeywell_reports(b"x" * 60))
        os.write(device, b"ONE\r")
        fifo.send(typed(EAN, boottime_ns()))
        assert sorted(brought(running.inbox, 3)) == [("fifo:fifo", EAN), ("usb-A", "x" * 60), ("usb-B", "ONE")]
    fifo.close()
    os.close(device)
    os.close(there)


def test_two_scanners_interleaved_event_by_event_are_two_exact_codes(tmp_path: Path) -> None:
    one, other = Fifo(tmp_path / "one"), Fifo(tmp_path / "other")
    sources = [KeyboardSource(fifo.path) for fifo in (one, other)]
    with reader() as running:
        for source in sources:
            source.opened_at = None
            running.adopt(source)
        at = boottime_ns() + 10_000 * MS  # so that no stall of this machine between two writes is a silence
        for left, right in zip(typed("Left-a/1234", at), typed("b/Right-567", at), strict=True):
            one.send([left])
            other.send([right])
        assert sorted(brought(running.inbox, 2)) == [("fifo:one", "Left-a/1234"), ("fifo:other", "b/Right-567")]
    one.close()
    other.close()


def test_a_scanner_that_is_unplugged_in_a_code_gives_nothing_partial() -> None:
    device, there = pty.openpty()
    line = LineSource(Path(os.ttyname(there)), Scanner("usb-B"), open_line(Path(os.ttyname(there))))
    line.opened_at = None
    with reader() as running:
        running.adopt(line)
        os.write(device, b"HALF OF A COD")
        wait_until(lambda: [feed for feed in running.reader._feeds if feed.next_moment()], what="it is read")
        os.close(there)
        os.close(device)
        assert brought(running.inbox, 1) == [
            ("usb-B", "lost: the scanner was unplugged in the middle of this code")
        ]


def test_one_scanner_that_sends_a_code_by_two_of_its_nodes_has_scanned_once(tmp_path: Path, raw: Raw) -> None:
    fifo = Fifo(tmp_path / "fifo")
    keys = KeyboardSource(fifo.path, Scanner("usb-A"))
    keys.opened_at = None
    with reader() as running:
        running.adopt(keys)
        running.adopt(raw.source)
        raw.send(honeywell(EAN.encode()))
        fifo.send(typed(EAN, boottime_ns()))
        raw.send(honeywell(b"NEXT"))
        fifo.send(typed("LAST", boottime_ns() + 100 * MS))
        assert sorted(brought(running.inbox, 3)) == [("usb-A", EAN), ("usb-A", "LAST"), ("usb-A", "NEXT")]
    fifo.close()


AUDITED = """
import json, os, socket, sys, threading
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from pi_auto.client.capture.hid.descriptor import parse_descriptor
from pi_auto.client.capture.hid.pos import PosReports
from pi_auto.client.capture.inbox import Inbox
from pi_auto.client.capture.reading import Reader
from pi_auto.client.capture.serial.tty import open_line
from pi_auto.client.capture.sources.hid import PosSource
from pi_auto.client.capture.sources.keyboard import KeyboardSource
from pi_auto.client.capture.sources.line import LineSource
from pi_auto.client.clock import boottime_ns, clock_synced, system_clock
from pi_auto.wire.scan import Scanner
from support.hid import HONEYWELL, honeywell, honeywell_reports
from support.keys import Fifo, overflow, typed
import pty

class Nobody:
    def note(self, notice): pass

done, reads = [], set()
def heard(event, arguments):
    if threading.get_ident() in reads:
        done.append(f"{event} {arguments}"[:200])

folder = Path(sys.argv[2])
fifo, (device, there) = Fifo(folder / "fifo"), pty.openpty()
left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
right.setblocking(False)
line = Path(os.ttyname(there))
sources = [
    KeyboardSource(fifo.path),
    LineSource(line, Scanner("line"), open_line(line)),
    PosSource(Path("/dev/hidraw0"), Scanner("pos"), right.detach(), PosReports(parse_descriptor(HONEYWELL))),
]
stopped, stop = os.pipe()
inbox = Inbox()
reader = Reader(inbox, system_clock(), stopped, Nobody())
for source in sources:
    source.opened_at = None
    reader.adopt(source)

def run():
    reads.add(threading.get_ident())
    reader.run()

clock_synced()  # as the lookout does before anything can be scanned
sys.addaudithook(heard)
thread = threading.Thread(target=run)
thread.start()
for number in range(20):
    now = boottime_ns()
    fifo.send([*typed(f"CODE-{number}", now), *(overflow(now) if number % 5 == 4 else [])])
    os.write(device, b"LINE-%d\\r\\n" % number)
    for report in honeywell_reports(b"POS-%d" % number * 20):
        left.send(report)
    left.send(honeywell(b"x", length=99))
    left.send(honeywell(b"y"))
taken = []
while sum("Scan" in type(each).__name__ for each in taken) < 55:
    taken += inbox.take(100, 0.05)[0]
os.write(stop, b"!")
thread.join()
print(json.dumps(done))
"""


def test_while_it_reads_it_opens_nothing_imports_nothing_and_starts_nothing(tmp_path: Path) -> None:
    """Python tells of each such deed by an audit event. Questions to the kernel are allowed: none waits."""
    command = [sys.executable, "-c", AUDITED, json.dumps([each for each in sys.path if each]), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    asks = ("fcntl.ioctl", "ctypes.cdata", "builtins.id")
    assert [deed for deed in json.loads(ran.stdout) if not deed.startswith(asks)] == []


def test_what_the_first_stamp_needs_is_loaded_before_anything_can_be_scanned(tmp_path: Path) -> None:
    clock._adjtimex.cache_clear()
    lookout = Lookout(tmp_path / "not-there", Inbox(), lambda: None, knowledge(tmp_path), Roll(Bulletin(tmp_path)))
    loaded: list[int] = []
    lookout.begin(Takes(Source.close), lambda: loaded.append(clock._adjtimex.cache_info().currsize))
    wait_until(lambda: loaded, what="it is ready")
    assert loaded == [1]


def voluntary_switches(thread: threading.Thread) -> int:
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


def are_quiet(*threads: threading.Thread) -> bool:
    """Whether none wakes up for a while: one that waits for its turn, in the midst of its start, sleeps too."""
    before = [voluntary_switches(thread) for thread in threads]
    time.sleep(IDLE)
    return [voluntary_switches(thread) for thread in threads] == before


def test_nobody_wakes_up_while_nothing_is_plugged_in_or_scanned(tmp_path: Path) -> None:
    """Neither the lookout, whose scanner has not come yet, nor the reader, whose scanner is silent."""
    fifo = Fifo(tmp_path / "fifo")
    (tmp_path / "capture").mkdir()
    roll = Roll(Bulletin(tmp_path / "capture"))
    lookout = Lookout(tmp_path / "not-there", Inbox(), lambda: None, knowledge(tmp_path / "capture"), roll)
    with reader() as running:
        lookout.begin(running.reader, lambda: None)
        running.adopt(KeyboardSource(fifo.path))
        wait_until(lambda: lookout._plugging.covers(tmp_path / "not-there"), what="it is watched for")
        wait_until(lambda: are_quiet(lookout, running._thread), what="they sleep")
        Fifo(tmp_path / "not-there").close()
        wait_until(lambda: tmp_path / "not-there" in roll, what="it is opened")
    fifo.close()
