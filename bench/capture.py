"""What capture loses, how long it takes to store, what it costs at rest: its own process as the unit starts it.

A virtual scanner types through a FIFO, and where the machine has /dev/uinput one that the kernel takes
for a keyboard. A scan is timed from the writing of the key that ends it to the ring by which capture says
that it is stored, so the way back is in the figure as well. Aims: nothing damaged ever, nothing lost down
to 2 ms a character; 1.5 times a bare append; 14 MiB; no wake-up while nothing is scanned.

The peers, in the same run, in the same folder and between the same scans, are an append of the same size
with fdatasync, and a process that does no more than that for a key (bare_reader.py): on a busy machine the
ratios hold where milliseconds do not.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bare_reader import BareReader
from capture_figures import IDLE, Loss, Measured, Times, report
from footprint import Reading, read, service, unpacked
from keyboard import UINPUT, UinputScanner
from latency import RECORD
from pi_auto.client.bulletin import posts_in
from pi_auto.client.spool.doorbell import Bell
from pi_auto.client.spool.reader import SpoolReader
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.simulator.typist import reports_for
from pi_auto.wire.scan import Incident, Scan

PACES = (10, 4, 2, 1)  # milliseconds a character
CHARACTERS = 3000  # at each pace
LENGTH = 50  # of a code
PAUSE = 0.02  # seconds between scans
ARRIVES_WITHIN = 30.0
_READY_WITHIN = 30.0


def run(scans: int) -> int:
    """Measure and print; the exit code."""
    print(f"Python {sys.version.split()[0]}, {os.uname().machine}; {scans} scans")
    kinds: dict[str, Callable[[Path], VirtualScanner]] = {"FIFO": VirtualScanner}
    if os.access(UINPUT, os.W_OK):
        kinds["kernel keyboard"] = lambda _: UinputScanner()
    else:
        print(f"no kernel keyboard: {UINPUT} is not there, or not for this user")
    for name, plug_in in kinds.items():
        report(name, _measure(plug_in, scans))
    return 0


def _measure(plug_in: Callable[[Path], VirtualScanner], scans: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "state/agent").mkdir(parents=True)
        bell = Bell(folder / "state/agent/wake.sock")
        stack.callback(bell.close)
        scanner = plug_in(folder / "scanner")
        stack.callback(scanner.close)
        pid = stack.enter_context(_capture(folder, scanner.path))
        fresh = read(pid)
        times = _times(scanner, bell, folder / "peer", scans)
        used = read(pid)
        losses = {pace: _loss(folder / "state/capture", scanner, pace) for pace in PACES}
        time.sleep(2)
        before = read(pid)
        time.sleep(IDLE)
        after = read(pid)
        rested = Reading(after.rss, after.pss, after.private, after.seconds, after.wakeups - before.wakeups)
        return Measured(losses, times, fresh, used, rested)


@contextmanager
def _capture(folder: Path, scanner: Path) -> Iterator[int]:
    options = ["--scanner", str(scanner)]
    with service("pi-auto-capture", unpacked(folder), folder, options) as pid:
        deadline = time.monotonic() + _READY_WITHIN
        while not posts_in(folder / "state/capture").get("scanners"):
            if time.monotonic() > deadline:
                raise SystemExit(f"capture did not start; see:\n{(folder / 'output.log').read_text()[-2000:]}")
            time.sleep(0.05)
        _read_first(pid)
        time.sleep(1)  # past the guard of a scanner that was just opened, and the clerk has its spool
        yield pid


def _read_first(pid: int) -> None:
    """Let the thread that reads keys go first, as its unit does; where that is not allowed it waits its turn."""
    try:
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(pid, policy, os.sched_param(20))
    except PermissionError:
        print("not allowed to give the reader its real-time priority: it waits for whatever else runs here")


def _times(scanner: VirtualScanner, bell: Bell, peers: Path, scans: int) -> Times:
    """From the last key to the ring, and the peers', by turns."""
    times, bare = Times(), BareReader(peers)
    with (peers / "appended").open("ab") as file, closing(bare):
        for number in range(scans):
            times.stored.append(_time(scanner, bell, f"{4006381000000 + number}"))
            time.sleep(PAUSE)
            times.appended.append(_append(file.fileno()))
            time.sleep(PAUSE)
            times.bare.append(bare.time())
            time.sleep(PAUSE)
    return times


def _append(file: int) -> float:
    start = time.perf_counter()
    os.write(file, b"x" * RECORD)
    os.fdatasync(file)
    return (time.perf_counter() - start) * 1000


def _time(scanner: VirtualScanner, bell: Bell, text: str) -> float:
    scanner.type(text, suffix=None)
    pressed, released = reports_for("")
    start = time.perf_counter()
    scanner.send(pressed, time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    if not bell.wait(ARRIVES_WITHIN):
        raise SystemExit(f"{text} was not stored within {ARRIVES_WITHIN:.0f} s")
    taken = (time.perf_counter() - start) * 1000
    scanner.send(released, time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    return taken


def _loss(spool: Path, scanner: VirtualScanner, pace: int) -> Loss:
    """Type codes that no two paces share, and look what is in the spool once all are accounted for."""
    with SpoolReader(spool) as reader:
        begin = reader.newest()
        codes = [
            f"{pace:02d}-{number:04d}-".ljust(LENGTH, "0123456789"[number % 10]) for number in range(_codes())
        ]
        for code in codes:
            scanner.type(code, per_character=pace / 1000)
        deadline = time.monotonic() + ARRIVES_WITHIN
        while reader.newest() - begin < len(codes) and time.monotonic() < deadline:
            time.sleep(0.1)
        records = reader.read(begin, 2 * len(codes))
    texts = [record.text for record in records if isinstance(record, Scan)]
    lost = sum(isinstance(record, Incident) for record in records)
    exact = len(set(codes) & set(texts))
    return Loss(len(codes), exact, lost, len(texts) - exact)


def _codes() -> int:
    return CHARACTERS // LENGTH
