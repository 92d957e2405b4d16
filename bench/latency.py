"""How long a scan takes from its last key event to each place, and what one bare durable append costs here.

A real server, hub and client run over a temporary folder; a virtual scanner types. Each time
is read where it happens: the spool's commit, the server's commit of the API's and of the
hub's copy. The peer is an append of the same size with fdatasync, in the same folder, in the
same pauses, so that ratios hold on a noisy machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from pi_auto.simulator.office import Office
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.program import Program
from pi_auto.simulator.way import Way, ways

RECORD = 700  # bytes; what one record takes in the spool
PAUSE = 0.05  # seconds between scans
ARRIVES_WITHIN = 60.0


def run(scans: int) -> int:
    """Measure and print; the exit code."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name:
        folder = Path(name)
        server = _server(folder)
        try:
            office = Office(folder / "server", server.start()["https"])
            measured, appends = _measure(folder, office, scans)
        finally:
            server.stop()
    _report(measured, appends)
    return 0


def _server(folder: Path) -> Program:
    return Program(
        "pi_auto.server.cli", "run",
        "--data", str(folder / "server"), "--http", "off", "--https", "127.0.0.1:0", "--hub-mqtt", "127.0.0.1:0",
        log=folder / "server.log",
    )  # fmt: skip


def _measure(folder: Path, office: Office, scans: int) -> tuple[list[Way], list[float]]:
    appends = []
    with (
        VirtualPi(folder / "pi", office.hand_out_card(), "00000000bec40001") as pi,
        (folder / "peer").open("ab") as peer,
    ):
        assert pi.scanner  # noqa: S101 - a virtual Pi of its own making has one
        pi.scanner.type("FIRST")  # until it has come, the Pi enrols and connects
        _arrived(office, pi, 1)
        for number in range(scans):
            pi.scanner.type(f"{4006381000000 + number}")
            time.sleep(PAUSE)
            appends.append(_append(peer.fileno()))
        return _arrived(office, pi, scans + 1)[1:], appends


def _append(descriptor: int) -> float:
    """Milliseconds for one durable append."""
    start = time.perf_counter()
    os.write(descriptor, b"x" * RECORD)
    os.fdatasync(descriptor)
    return (time.perf_counter() - start) * 1000


def _arrived(office: Office, pi: VirtualPi, scans: int) -> list[Way]:
    deadline = time.monotonic() + ARRIVES_WITHIN
    while time.monotonic() < deadline:
        found = ways(office, pi.device_id, pi.log)
        if len(found) >= scans and all(way.complete for way in found):
            return found
        time.sleep(0.2)
    raise SystemExit(f"only {len(found)} of {scans} scans arrived within {ARRIVES_WITHIN:.0f} s")


def _report(measured: list[Way], appends: list[float]) -> None:
    print(f"{len(measured)} scans, one every {PAUSE * 1000:.0f} ms and the time to type it; milliseconds")
    print(f"{'':<34}{'p50':>8}{'p99':>8}{'p50 ÷ append':>14}")
    bare = statistics.median(appends)
    rows = {
        "bare append + fdatasync": appends,
        "key event → stored": [_ms(way, "stored") for way in measured],
        "key event → booked by the API": [_ms(way, "api") for way in measured],
        "key event → booked by the hub": [_ms(way, "hub") for way in measured],
    }
    for name, times in rows.items():
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"{name:<34}{p50:>8.2f}{p99:>8.2f}{p50 / bare:>14.1f}")


def _ms(way: Way, place: str) -> float:
    reached = getattr(way, place)
    return float((reached - way.captured).total_seconds() * 1000)
