"""What one message costs the hub, next to a Mosquitto that keeps nothing, and what one connection does.

Both brokers run in the same minutes and take turns; a hundred devices each send the same
packets of QoS 1 without TLS, first with one unanswered message at a time, then with twenty. What counts
is the brokers' processor time, so that it matters little what else the machine does. The hub
has each message on disk, and each report merged, before it answers; Mosquitto takes reports
for any other message. Nobody subscribes or reads events.

Then ten thousand devices connect: what that takes of a broker's memory, and what their heartbeats,
one each in 30 seconds, take of a core. That is more a message than in a flood: each finds the
processor's caches full of something else.
"""

from __future__ import annotations

import resource
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import hub_lines
from hub_load import Line, flood, pace
from hub_peers import Broker, hub, mosquitto
from load import resident_mb

CONNECTIONS = 100
TURNS = 5
WINDOWS = (1, 20)
FLEET = 10_000
HEARTBEATS = FLEET / 30  # a second
PACED = 20.0  # seconds
SHARES = {"telemetry": 1.0, "patches": 0.2}  # of the messages told, in each turn


@dataclass(slots=True)
class Runner:
    """A broker with its devices connected, and what it took for each kind and window, in messages a CPU-second."""

    broker: Broker
    lines: dict[str, list[Line]]
    rates: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def take(self, kind: str, window: int, messages: int) -> None:
        """Send it so many messages, and note what each cost."""
        each = messages // CONNECTIONS
        before = self.broker.cpu()
        flood(self.lines[kind], window, each)
        rate = each * CONNECTIONS / (self.broker.cpu() - before)
        self.rates.setdefault((kind, window), []).append(rate)


def run(messages: int) -> int:
    """Measure and print; the exit code. `messages` is how many are sent in a turn."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, ExitStack() as stack:
        ours = stack.enter_context(hub(Path(name), CONNECTIONS))
        peer = stack.enter_context(mosquitto(Path(name), ours.identities))
        runners = [_connected(broker) for broker in (ours, peer) if broker]
        for _ in range(TURNS):
            for kind, share in SHARES.items():
                for window in WINDOWS:
                    for runner in runners:
                        runner.take(kind, window, int(messages * share))
        _report(runners)
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name:
        _measure_fleet(Path(name))
    return 0


def _connected(broker: Broker) -> Runner:
    sockets = [hub_lines.connected(broker.address, identity) for identity in broker.identities]
    _report_first(sockets)
    ids = [identity.device_id for identity in broker.identities]
    telemetry = [Line(one, hub_lines.telemetry(name)) for one, name in zip(sockets, ids, strict=True)]
    return Runner(broker, {"telemetry": telemetry, "patches": [Line(one, hub_lines.patches()) for one in sockets]})


def _report_first(sockets: Sequence[socket.socket]) -> None:
    """Every device reports all of itself once; in portions, since of 4096 at once the hub sends some away."""
    ring = hub_lines.first_report()
    for first in range(0, len(sockets), 1000):
        flood([Line(one, ring) for one in sockets[first : first + 1000]], 1, 1)


def _report(runners: Sequence[Runner]) -> None:
    print(f"Python {sys.version.split()[0]}, {'uvloop' if find_spec('uvloop') else 'asyncio, no uvloop'}")
    print(f"{CONNECTIONS} connections, no TLS, {TURNS} turns; messages a CPU-second: lowest, middle, highest")
    for runner in runners:
        for (kind, window), rates in runner.rates.items():
            _row(runner.broker.name, kind, window, rates, "{:>10.0f}")
    for window in WINDOWS:
        shares = [100 * HEARTBEATS / rate for rate in runners[0].rates["patches", window]]
        _row(f"% of a core for {HEARTBEATS:.0f} a second", "patches", window, shares, "{:>10.1f}")
    if len(runners) < 2:
        print("no mosquitto on this machine (Debian: apt-get install mosquitto), so no ratio")
        return
    ours, theirs = (runner.rates for runner in runners)
    for kind, window in ours:
        ratios = [mine / other for mine, other in zip(ours[kind, window], theirs[kind, window], strict=True)]
        _row("ratio", kind, window, ratios, "{:>10.2f}")


def _row(name: str, kind: str, window: int, figures: Sequence[float], form: str) -> None:
    shown = "".join(form.format(choose(figures)) for choose in _CHOICES)
    print(f"{f'{name}, {kind}, window {window}':<50}{shown}")


_CHOICES: tuple[Callable[[Sequence[float]], float], ...] = (min, statistics.median, max)


def _measure_fleet(folder: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < FLEET + 200:
        print(f"left out: {FLEET} connections, for which {most} open files are too few")
        return
    print(f"{FLEET} connections; aims: 25 KiB each, 5 % of a core")
    with hub(folder, FLEET) as ours, mosquitto(folder, ours.identities) as peer:
        for broker in (ours, peer):
            if broker:
                _measure_memory_and_heartbeats(broker)


def _measure_memory_and_heartbeats(broker: Broker) -> None:
    before = resident_mb(broker.pid)
    sockets = [hub_lines.connected(broker.address, identity) for identity in broker.identities]
    connected = resident_mb(broker.pid)
    _report_first(sockets)
    reports = hub_lines.patches()
    spent = broker.cpu()
    pace([Line(one, reports) for one in sockets], HEARTBEATS, PACED)
    busy = 100 * (broker.cpu() - spent) / PACED
    for one in sockets:
        one.close()
    each = (connected - before) * 1024 / FLEET
    print(
        f"{broker.name}: {each:.1f} KiB each, {connected:.0f} MB in all; "
        f"{HEARTBEATS:.0f} reports a second take {busy:.1f} % of a core"
    )
