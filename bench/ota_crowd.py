"""A fleet that asks for a release at once: downloads a second of the real server, and its memory meanwhile.

A server with trust, a release that it was given as `release publish` does, and enrolled devices, each with its own
token and TLS connection. Each asks for the ranges that the agent asks for where a few lines have changed, or for
the whole archive. Who finds no seat is told when to come again, and does.
"""

from __future__ import annotations

import hashlib
import http.client
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from enrol import AT_ONCE, Device, Site, enrol_once  # noqa: E402 - found by the line above
from load import resident_mb, worker_of  # noqa: E402
from pi_auto.client.agent.update.channel import Channel  # noqa: E402
from pi_auto.client.agent.update.download import Wanted  # noqa: E402
from pi_auto.client.agent.update.reuse import assemble  # noqa: E402
from pi_auto.client.endpoint import Endpoint  # noqa: E402
from pi_auto.server.trust.certificates import new_key  # noqa: E402
from pi_auto.wire.fleet_card import FleetCard  # noqa: E402
from support.update_house import UpdateHouse  # noqa: E402

_CHANGED = {"pi_auto/client/agent/update/fresh.py": "# A file that was not there before.\n" * 50}
_LOOK = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Download:
    """What one kind of download asks for: `Range` headers, or none for the whole."""

    name: str
    path: str
    ranges: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Told:
    """Of one device: bytes of bodies, how often it was told to come again, seconds until it had all."""

    octets: int
    refused: int
    seconds: float


def run(devices: int) -> int:
    """Measure and print; 0 if every device had everything."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, UpdateHouse(Path(name)) as house:
        house.release("0.1.1", _CHANGED)
        worker = worker_of(house.server.process.pid)
        site, tokens = _enrolled(house, devices)
        kinds = _kinds(house, tokens[0])
        print(f"server             {resident_mb(worker):>10.0f} MB before, {devices} devices enrolled", flush=True)
        return max(_measure(site, worker, tokens, kind) for kind in kinds)


def _measure(site: Site, worker: int, tokens: Sequence[str], kind: Download) -> int:
    with (
        _watched(worker) as memory,
        _asked_meanwhile(site, "/api/health") as health,
        _asked_meanwhile(site, "/login") as page,
    ):
        told = _all_at_once(site, kind, tokens)
    took = sorted(one.seconds for one in told)
    octets, refused = sum(one.octets for one in told), sum(one.refused for one in told)
    print(f"{kind.name:<18} {octets // len(told):>10} bytes a device, in {len(kind.ranges)} requests")
    half, last = took[len(took) // 2], took[-1]
    rate = len(told) / last
    print(f"  downloads        {rate:>10.1f} a second; half had it after {half:.1f} s, all after {last:.1f} s")
    print(f"  told to come again {refused:>8} times; server {max(memory):.0f} MB at most")
    for name, waits in (("/api/health", health), ("/login", page)):
        waits.sort()
        half, most, all_of = (waits[len(waits) * share // 100] * 1000 for share in (50, 95, 100 - 1))
        print(
            f"  {name:<16} {half:>8.0f} ms for half, {most:.0f} ms for 95 %, {all_of:.0f} ms for 99 %", flush=True
        )
    return 0 if len(told) == len(tokens) else 1


def _enrolled(house: UpdateHouse, devices: int) -> tuple[Site, list[str]]:
    card = house.card(house.server.https, "--batch", "bench", "--most", str(devices))
    site = Site(house.server.https, FleetCard.from_json(card))
    fleet = [Device(f"{number:016x}", new_key()) for number in range(1, devices + 1)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return site, list(threads.map(partial(enrol_once, site), fleet))


def _kinds(house: UpdateHouse, token: str) -> list[Download]:
    """What the agent asks for, as it has just asked for it."""
    archive = (house.folder / "built-0.1.1.py").read_bytes()
    digest = hashlib.sha256(archive).hexdigest()
    path = f"/api/ota/download_update?update_id={digest}"
    channel = _Listening(_endpoint(house), token)
    running = house.site.running()
    assert running  # noqa: S101 - it was installed
    wanted = Wanted(path, len(archive), _is_fine)
    assemble(channel, wanted, running / "app", house.folder / "assembled")
    channel.close()
    return [Download("small change", path, channel.ranges), Download("whole archive", path, [None])]


def _is_fine(_: IO[bytes]) -> None:
    """What comes was published a moment ago."""


class _Listening(Channel):
    """Notes the ranges that are asked for."""

    def __init__(self, endpoint: Endpoint, token: str) -> None:
        super().__init__(endpoint, token)
        self.ranges: list[str | None] = []

    @contextmanager
    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[http.client.HTTPResponse]:
        """See Channel."""
        self.ranges.append((headers or {}).get("Range"))
        with super().ask(path, headers) as response:
            yield response


def _endpoint(house: UpdateHouse) -> Endpoint:
    host, _, port = house.server.https.rpartition(":")
    card = house.server.card
    return Endpoint(True, house.server.https, (host, int(port)), card.server_name, card.ca)


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """What memory the process holds, again and again."""
    seen, stopped = [resident_mb(pid)], threading.Event()

    def watch() -> None:
        while not stopped.wait(_LOOK):
            seen.append(resident_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stopped.set()
        thread.join()


@contextmanager
def _asked_meanwhile(site: Site, path: str) -> Iterator[list[float]]:
    """How long each answer takes, in seconds, asked by a process that does nothing else, over one connection."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    asker = fork.Process(target=_ask_on, args=(site.address, site.card.to_json(), path, theirs))
    asker.start()
    waits: list[float] = []
    try:
        ours.recv()
        yield waits
    finally:
        ours.send("enough")
        waits += ours.recv()
        asker.join()


def _ask_on(address: str, card: dict[str, object], path: str, pipe: Pipe) -> None:
    connection, waits = Site(address, FleetCard.from_json(card)).connect(), []
    pipe.send("begun")
    while not pipe.poll(_LOOK):
        begun = time.perf_counter()
        connection.request("GET", path)
        connection.getresponse().read()
        waits.append(time.perf_counter() - begun)
    pipe.send(waits)


def _all_at_once(site: Site, kind: Download, tokens: Sequence[str]) -> list[Told]:
    """Every device begins at the same moment, in a process of their own."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    driver = fork.Process(target=_drive, args=(site.address, site.card.to_json(), kind, tokens, theirs))
    driver.start()
    theirs.close()
    try:
        told: list[Told] = ours.recv()
    except EOFError:
        raise SystemExit("the downloads have failed; see above") from None
    finally:
        driver.join()
    return told


def _drive(address: str, card: dict[str, object], kind: Download, tokens: Sequence[str], results: Pipe) -> None:
    site = Site(address, FleetCard.from_json(card))
    begin = threading.Barrier(len(tokens))
    threading.stack_size(256 * 1024)
    with ThreadPoolExecutor(len(tokens)) as threads:
        results.send(list(threads.map(partial(_download, site, kind, begin), tokens)))


def _download(site: Site, kind: Download, begin: threading.Barrier, token: str) -> Told:
    begin.wait()
    begun, octets, refused = time.perf_counter(), 0, 0
    connection = site.connect()
    for asked in kind.ranges:
        while (got := _ask(connection, kind.path, asked, token)) < 0:
            refused += 1
            time.sleep(-got * random.uniform(1.0, 1.1))  # noqa: S311 - nobody is to guess nothing
        octets += got
    connection.close()
    return Told(octets, refused, time.perf_counter() - begun)


def _ask(connection: http.client.HTTPConnection, path: str, asked: str | None, token: str) -> int:
    """The bytes that came, or how many seconds it is to wait, as a negative number."""
    headers = {"Authorization": f"Bearer {token}"} | ({"Range": asked} if asked else {})
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    if response.status not in (200, 206, 503):
        raise SystemExit(f"the server answered {response.status}: {response.read(400)!r}")
    octets = 0
    while block := response.read(16 * 1024):
        octets += len(block)
    return octets if response.status != 503 else -int(response.headers["Retry-After"])


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
