"""How long a fleet takes that is switched on at once: every device asks for a nonce, signs, and is taken in.

A real server over TLS and a batch token for all. Each device opens a connection of its own, as
devices do that have just found their server; so many of them at a time. At the end the books are
asked whether each was enrolled exactly once. Keys are made beforehand: devices make their own.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from load import cpu_seconds, resident_mb, worker_of
from pi_auto.server.trust.authority import public_half
from pi_auto.server.trust.certificates import Key, new_key
from pi_auto.server.trust.signatures import sign
from pi_auto.simulator.program import Program
from pi_auto.wire.enrolment import Enrolment
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import Registration
from pi_auto.wire.signed import ENROLMENT

AT_ONCE = 32
TRIES = 5
PROMISED = 300.0  # seconds for ten thousand
MOST_MEMORY = 400  # MB


@dataclass(frozen=True, slots=True)
class Device:
    """A device before it is enrolled."""

    serial: str
    key: Key


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is, and what its card says."""

    address: str
    card: FleetCard

    def connect(self) -> http.client.HTTPConnection:
        """A connection, verified by the fleet's name."""
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        context = ssl.create_default_context(cadata=self.card.ca)
        plain = socket.create_connection((host, int(port)), timeout=60)
        connection.sock = context.wrap_socket(plain, server_hostname=self.card.server_name)
        return connection


def run(devices: int) -> int:
    """Measure and print; the exit code."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name:
        data = Path(name) / "data"
        words = (
            "--data",
            str(data),
            "--http",
            "off",
            "--https",
            "127.0.0.1:0",
            "--hub-mqtt",
            "off",
        )
        server = Program("pi_auto.server.cli", "run", *words, log=Path(name) / "server.log")
        try:
            address = server.start()["https"]
            assert server.process  # noqa: S101 - it has just been started
            site = Site(address, _card(data, devices))
            worker = worker_of(server.process.pid)
            fleet = [Device(f"{number:016x}", new_key()) for number in range(1, devices + 1)]
            before, begun = cpu_seconds(worker), time.perf_counter()
            waits = _enrol_all(site, fleet)
            seconds, cpu = time.perf_counter() - begun, cpu_seconds(worker) - before
            memory, rows = resident_mb(worker), _rows(data)
        finally:
            server.stop()
    waits.sort()
    print(f"{devices} devices, {AT_ONCE} at a time: {seconds:.1f} s, {devices / seconds:.0f} a second")
    print(f"p50 {statistics.median(waits) * 1000:.0f} ms, p99 {waits[int(0.99 * len(waits))] * 1000:.0f} ms")
    print(f"server: {cpu / devices * 1000:.2f} ms of processor a device, {memory:.0f} MB resident")
    print(f"enrolled exactly once: {rows == devices} ({rows} rows)")
    return 0 if rows == devices and memory <= MOST_MEMORY and seconds <= PROMISED else 1


def _card(data: Path, devices: int) -> FleetCard:
    words = ("fleet", "card", "--data", str(data), "--batch", "bench", "--most", str(devices))
    told = subprocess.run([sys.executable, "-m", "pi_auto.server.cli", *words], check=True, capture_output=True)
    return FleetCard.from_json(json.loads(told.stdout))


def _enrol_all(site: Site, fleet: list[Device]) -> list[float]:
    """How long each took, in seconds. Two processes, since Python's threads would wait for one another."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        halves = pool.map(partial(_enrol_some, site.address, site.card.to_json()), [
            [(one.serial, one.key.private_numbers().private_value) for one in fleet[part::2]] for part in (0, 1)
        ])  # fmt: skip
    return [wait for half in halves for wait in half]


def _enrol_some(address: str, card: dict[str, object], some: list[tuple[str, int]]) -> list[float]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - after the fork

    site = Site(address, FleetCard.from_json(card))
    devices = [Device(serial, ec.derive_private_key(number, ec.SECP256R1())) for serial, number in some]
    with ThreadPoolExecutor(AT_ONCE // 2) as threads:
        return list(threads.map(partial(_enrol, site), devices))


def _enrol(site: Site, device: Device) -> float:
    """How long it took. Who is cut off asks again, as devices do, and is told of."""
    begun = time.perf_counter()
    for _ in range(TRIES):
        try:
            enrol_once(site, device)
        except (OSError, http.client.HTTPException) as error:
            print(f"asks again after {time.perf_counter() - begun:.1f} s: {error!r}", flush=True)
        else:
            return time.perf_counter() - begun
    raise SystemExit(f"cut off {TRIES} times in a row")


def enrol_once(site: Site, device: Device) -> str:
    """Take a device in; its token."""
    connection = site.connect()
    try:
        nonce = str(_post(connection, "/api/register_device/nonce", {})["nonce"])
        registration = Registration(f"pi-{device.serial[-8:]}", datetime.now(UTC), {"hostname": "bench"}, "1.0.0")
        asked = Enrolment(
            site.card.fleet_id, nonce, device.serial, public_half(device.key), str(uuid.uuid4()), registration,
            batch_token=site.card.batch_token,
        )  # fmt: skip
        answer = _post(connection, "/api/register_device", sign(device.key, ENROLMENT, asked.to_json()).to_json())
        return str(answer["api_token"])
    finally:
        connection.close()


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, object]) -> dict[str, object]:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    octets = response.read()
    if response.status != 200:
        raise SystemExit(f"the server answered {response.status}: {octets[:400]!r}")
    answer: dict[str, object] = json.loads(octets)
    return answer


def _rows(data: Path) -> int:
    with sqlite3.connect(f"file:{data / 'books.sqlite'}?mode=ro", uri=True) as books:
        counted = books.execute(
            "SELECT count(*), count(DISTINCT d.device_id) FROM identities i JOIN devices d USING (device_id)"
        ).fetchone()
    return int(counted[0]) if counted[0] == counted[1] else -1
