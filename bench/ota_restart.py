"""How long a fleet does not hear of a device after its agent was started anew, as an update does at its switch.

The agent of an unpacked release, out of whose folder it is started as on a device, against the real server with
trust; the heartbeat counts once the server shows it.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_auto.simulator.office import Office
from pi_auto.simulator.pi import VirtualPi
from pi_auto.simulator.program import Program
from support.releases import release_of

AIM = 30.0  # seconds; a heartbeat is due that often, so that nobody is missed before
_WITHIN = 120.0
_LOOK = 0.02
_SECOND = 1.0  # heartbeats are told apart by uptimes in whole seconds: one sooner would be taken for the former


def run(times: int) -> int:
    """Start the agent so often; 0 if the aim is met."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, _server(Path(name)) as office:
        taken = sorted(_measured(Path(name), office, times))
    print(f"restart            {taken[len(taken) // 2]:>10.2f} s to the first heartbeat, median of {len(taken)}")
    print(f"                   {taken[-1]:>10.2f} s at most (aim: less than {AIM:.0f} s)")
    return 0 if taken[-1] < AIM else 1


@contextmanager
def _server(folder: Path) -> Iterator[Office]:
    server = Program(
        "pi_auto.server.cli", "run",
        "--data", str(folder / "server"), "--http", "off", "--https", "127.0.0.1:0", "--hub-mqtt", "127.0.0.1:0",
        log=folder / "server.log",
    )  # fmt: skip
    try:
        yield Office(folder / "server", server.start()["https"])
    finally:
        server.stop()


def _measured(folder: Path, office: Office, times: int) -> Iterator[float]:
    pi = VirtualPi(folder / "pi", office.hand_out_card(), "00000000bec40002")
    pi.state.mkdir(exist_ok=True)
    app = folder / "app"
    with zipfile.ZipFile(io.BytesIO(release_of("1.0.0"))) as opened:
        opened.extractall(app)
    with _agent(app, pi):  # it enrols
        _wait_for_another(office, None)
    for _ in range(times):
        former = _heartbeat(office)
        time.sleep(_SECOND)
        began = time.monotonic()
        with _agent(app, pi):
            _wait_for_another(office, former)
            yield time.monotonic() - began


@contextmanager
def _agent(app: Path, pi: VirtualPi) -> Iterator[None]:
    command = [sys.executable, "-I", str(app), "agent", "--config", str(pi.log.with_name("config.json"))]
    with pi.log.open("ab") as log:
        agent = subprocess.Popen([*command, "--state", str(pi.state)], stdout=log, stderr=log)
    try:
        yield
    finally:
        agent.terminate()
        agent.wait(30)


def _wait_for_another(office: Office, former: object) -> None:
    deadline = time.monotonic() + _WITHIN
    while _heartbeat(office) == former:
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: no heartbeat came within {_WITHIN:.0f} s")
        time.sleep(_LOOK)


def _heartbeat(office: Office) -> object:
    """What tells the device's newest heartbeat from the one before; nothing if there was none."""
    devices = office.get("/api/pi_devices")["devices"]
    return devices[0]["health"].get("uptime") if devices else None
