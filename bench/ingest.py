"""How many scans the server takes over its API, and what one costs, next to a bare Flask app that commits each.

A real server and the peer (see `ingest_peer`) run side by side; two hundred devices register
and send over sixteen connections, first single scans, then batches of fifty, packed as the
device packs them. The two take turns, so that ratios hold on a noisy machine.
"""

from __future__ import annotations

import gzip
import http.client
import json
import secrets
import socket
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from load import Load, cpu_seconds, drive, post, resident_mb, worker_of
from pi_auto.simulator.program import Program
from pi_auto.wire.batch import Batch
from pi_auto.wire.ids import Position
from pi_auto.wire.registration import Registration
from pi_auto.wire.scan import Scan, Scanner, Stamp

DEVICES = 200
CONNECTIONS = 16
TURNS = 3
BATCHES = {1: 1.0, 50: 4.0}  # scans in a request: the share of `scans` sent so, since these are quicker
WORTH_PACKING = 1024  # bytes; as the device does
NOW = datetime.now(UTC).replace(microsecond=0)
SCANNER = Scanner("usb-Newland_HR32-event-kbd", "Newland HR32", "usb-1/input0")


@dataclass
class Device:
    """A registered device, and how far its spool has come."""

    device_id: str
    token: str
    spool: str
    boot: str
    sent: int = 0

    def request(self, size: int) -> bytes:
        """Its next `size` scans as a request."""
        first = self.sent + 1
        self.sent += size
        scans = tuple(self._scan(number) for number in range(first, self.sent + 1))
        batch = Batch(self.device_id, self.spool, first, self.sent, 1, scans)
        body = json.dumps(batch.to_json(), separators=(",", ":")).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        if len(body) > WORTH_PACKING:
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return post("/api/scans", body, headers)

    def _scan(self, number: int) -> Scan:
        text = f"{4006381000000 + number}"
        stamp = Stamp(self.boot, number * 1_000_000_000, NOW, synced=True)
        return Scan(
            str(uuid4()), Position(self.spool, number), SCANNER, text.encode(), text, stamp,
            aim="]E0", symbology="EAN-13", gtin=f"0{text}", check_digit_ok=True,
        )  # fmt: skip


@dataclass
class Runner:
    """A server under load, and what it took."""

    name: str
    address: str
    worker: int
    loads: dict[int, list[tuple[Load, float]]]

    def take(self, size: int, lines: Sequence[Sequence[bytes]]) -> None:
        """Send it these lines of requests."""
        before = cpu_seconds(self.worker)
        load = drive(self.address, lines)
        self.loads.setdefault(size, []).append((load, cpu_seconds(self.worker) - before))


def run(scans: int) -> int:
    """Measure and print; the exit code. `scans` is how many are sent one by one in each turn."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, _runners(Path(name)) as (server, peer):
        devices = [_register(server.address) for _ in range(DEVICES)]
        for _ in range(TURNS):
            for size, share in BATCHES.items():
                lines = _lines(devices, size, int(scans * share) // size)
                for runner in (server, peer):
                    runner.take(size, lines)
        _report(server, peer)
    return 0


@contextmanager
def _runners(folder: Path) -> Iterator[tuple[Runner, Runner]]:
    (folder / "peer").mkdir()
    server = Program(
        "pi_auto.server.cli", "run",
        "--data", str(folder / "server"), "--trust", "off", "--http", "127.0.0.1:0", "--hub-mqtt", "off",
        log=folder / "server.log",
    )  # fmt: skip
    peer = Program("bench.ingest_peer", str(folder / "peer"), f"127.0.0.1:{_free_port()}", log=folder / "peer.log")
    try:
        yield _runner("pi-auto-server", server), _runner("bare Flask, a commit each", peer)
    finally:
        peer.stop()
        server.stop()


def _runner(name: str, program: Program) -> Runner:
    address = program.start()["http"]
    assert program.process  # noqa: S101 - it has just been started
    return Runner(name, address, worker_of(program.process.pid), {})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _register(address: str) -> Device:
    device_id, claim = f"pi-{secrets.token_hex(4)}", secrets.token_hex(32)
    registration = Registration(device_id, NOW, {"hostname": device_id}, "1.0.0", claim=claim)
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("POST", "/api/register_device", json.dumps(registration.to_json()))
    answer = json.load(connection.getresponse())
    connection.close()
    return Device(device_id, answer["api_token"], str(uuid4()), str(uuid4()))


def _lines(devices: Sequence[Device], size: int, requests: int) -> list[list[bytes]]:
    """That many requests, for each connection those of its own devices in turn."""
    lines: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for number in range(requests):
        place = number % len(devices)
        lines[place % CONNECTIONS].append(devices[place].request(size))
    return lines


def _report(*runners: Runner) -> None:
    print(f"{DEVICES} devices, {CONNECTIONS} connections, {TURNS} turns each; the middle turn counts")
    head = ("requests/s", "scans/s", "p50 ms", "p99 ms", "CPU ms/request", "CPU µs/scan")
    print(f"{'':<42}" + "".join(f"{word:>16}" for word in head))
    figures = {(runner.name, size): _figures(runner, size) for runner in runners for size in BATCHES}
    for (name, size), row in figures.items():
        print(f"{f'{name}, {size} a request':<42}" + "".join(f"{figure:>16.2f}" for figure in row))
    ours, theirs = (runner.name for runner in runners)
    for size in BATCHES:
        ratios = [a / b for a, b in zip(figures[ours, size], figures[theirs, size], strict=True)]
        print(f"{f'ratio, {size} a request':<42}" + "".join(f"{ratio:>16.2f}" for ratio in ratios))
    for runner in runners:
        print(f"{runner.name}: {resident_mb(runner.worker):.0f} MB resident")


def _figures(runner: Runner, size: int) -> tuple[float, ...]:
    return tuple(map(statistics.median, zip(*(_row(*load, size) for load in runner.loads[size]), strict=True)))


def _row(load: Load, cpu: float, size: int) -> tuple[float, ...]:
    """Requests and scans a second, p50 and p99 in ms, processor time of a request in ms and of a scan in µs."""
    requests = len(load.waits)
    waits = sorted(load.waits)
    return (
        requests / load.seconds,
        requests * size / load.seconds,
        statistics.median(waits) * 1000,
        waits[int(0.99 * len(waits))] * 1000,
        cpu / requests * 1000,
        cpu / requests / size * 1_000_000,
    )
