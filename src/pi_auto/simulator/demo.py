"""The main job on embedded defaults: server, hub and one virtual Pi, with what happens said as it happens.

With `once` ten codes are played and the way of each is shown; it fails if one does not
arrive by both ways. Otherwise codes are read with human pauses until Ctrl-C.
"""

from __future__ import annotations

import itertools
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.capture.finding.census import look_around
from pi_auto.simulator.codes import CODES
from pi_auto.simulator.office import Office
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.program import Program, ProgramFailed
from pi_auto.simulator.scanner import VirtualScanner
from pi_auto.simulator.way import Way, table, ways
from pi_auto.wire.escape import printable

SERIAL = "00000000decade01"
ARRIVES_WITHIN = 30.0  # seconds, for each scan by both ways

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class House:
    """Server and Pi of a running demo."""

    office: Office
    pi: VirtualPi

    def ways(self) -> list[Way]:
        """The way of each scan so far."""
        return ways(self.office, self.pi.device_id, self.pi.log)


def run_demo(data: Path | None, http: str, https: str, *, once: bool, say: Say) -> int:
    """Run it; the exit code. `data` keeps the state, without it everything is gone at the end."""
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pi-auto-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            house = _open(stack, folder, (http, https), say)
        except ProgramFailed as failure:
            say(f"The demo could not start: {failure}")
            return 1
        return _play_once(house, say) if once else _play_on(house, say)


def _open(stack: ExitStack, folder: Path, ports: tuple[str, str], say: Say) -> House:
    say("Starting the fleet server and its hub …")
    http, https = (_free(port, say) for port in ports)
    server = Program(
        "pi_auto.server.cli", "run", "--data", str(folder / "server"),
        "--http", http, "--https", https, "--hub-mqtt", "127.0.0.1:0",
        log=folder / "server.log",
    )  # fmt: skip
    stack.callback(server.stop)
    office = Office(folder / "server", server.start()["https"])
    real = look_around().scanners
    if real:
        say(f"Found a real scanner: {printable(real[0].scanner.name)}")
    say("Starting the Pi, with a card of the fleet …")
    pi = VirtualPi(folder / "pi", office.hand_out_card(), SERIAL, scanner="auto" if real else None)
    stack.callback(pi.close)
    pi.start()
    say(
        f"\n  Open {office.link()}\n  to watch scans arrive. It signs you in, once. Your browser will say that it"
        f" does not know the certificate,\n  which is this fleet's own.    (logs: {folder}/server.log, {pi.log})\n"
        f"\n  Another link: pi-auto-server operator link --data {folder}/server\n"
    )
    return House(office, pi)


def _free(http: str, say: Say) -> str:
    """The address asked for, or one with any free port where that one is taken."""
    address, _, port = http.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, int(port)))
        except OSError:
            say(f"Port {port} is taken, so another one is used.")
            return f"{address}:0"
    return http


def _play_once(house: House, say: Say) -> int:
    before = len(house.ways())  # of a former demo over the same folder
    if house.pi.scanner is None:
        say("Scan ten codes.")
    else:
        for code in CODES:
            house.pi.scanner.type(code)
            time.sleep(random.uniform(0.2, 0.5))  # noqa: S311 - a person's hand
    deadline = time.monotonic() + ARRIVES_WITHIN + (0 if house.pi.scanner else 300)
    while time.monotonic() < deadline:
        arrived = house.ways()[before:]
        if len(arrived) >= len(CODES) and all(way.complete for way in arrived):
            break
        time.sleep(0.1)
    return _verdict(house, before, say)


def _verdict(house: House, before: int, say: Say) -> int:
    arrived = house.ways()[before:]
    say(table(arrived))
    missing = [code for code in CODES if code not in {way.text for way in arrived}] if house.pi.scanner else []
    halfway = [way.text for way in arrived if not way.complete]
    doubled = len(arrived) - len({way.text for way in arrived}) if house.pi.scanner else 0
    if missing or halfway or doubled:
        say(f"\nFailed: not at the server: {missing}; not by both ways: {halfway}; booked twice: {doubled}")
        return 1
    say(f"\nAll {len(arrived)} scans are stored and booked once, by the API and by the hub.")
    return 0


def _play_on(house: House, say: Say) -> int:
    say("Scan something." if house.pi.scanner is None else "The virtual scanner reads a code every few seconds.")
    say(f"Ctrl-C ends it.\n\n{table(())}")
    seen = len(house.ways())
    for code in _next_codes(house.pi.scanner):
        if code and house.pi.scanner:
            house.pi.scanner.type(code)
        seen = _tell_new(house, seen, say)
    return 0


def _next_codes(scanner: VirtualScanner | None) -> Iterator[str]:
    """A code when it is time for the next one, else an empty string about twice a second."""
    for code in itertools.cycle(CODES):
        yield code if scanner else ""
        for _ in range(random.randint(4, 12)):  # noqa: S311 - a person's pause of 2 to 6 s
            time.sleep(0.5)
            yield ""


def _tell_new(house: House, seen: int, say: Say) -> int:
    fresh = house.ways()[seen:]
    for way in itertools.takewhile(lambda way: way.complete, fresh):
        say(table([way]).splitlines()[1])
        seen += 1
    return seen
