"""What the idle appliance costs: memory and processor time of everything that runs on the box.

The release is unpacked and byte-compiled as the installer does it, and capture and agent are
started by the command lines of their units, with the system's own Python. They talk to a real
server and its hub (without TLS, as far as this server speaks it) and are left alone: heartbeats
go on, nothing is scanned. Aim: 40 MiB or less together, under 0.5 % of a core.

The peer, in the same run, is a Python that has loaded what the agent cannot do without
(sqlite3, ssl, http.client, paho) and sleeps.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.appliance.release import unpack
from pi_auto.client.bulletin import posts_in
from pi_auto.simulator.program import Program

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "install/system/etc/systemd/system"
PEER = "import http.client, paho.mqtt.client, sqlite3, ssl, time; print('ready', flush=True); time.sleep(1e6)"
SETTLES_WITHIN = 60.0  # seconds, until it is registered and connected to the hub
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """One process at one moment: KiB, seconds of processor time, times that it woke up."""

    rss: int
    pss: int
    private: int
    seconds: float
    wakeups: int


def run(seconds: int) -> int:
    """Measure for so many seconds and print; the exit code."""
    with tempfile.TemporaryDirectory(prefix="pi-auto-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(_server(folder))
        app = unpacked(folder)
        running = {
            "capture": stack.enter_context(service("pi-auto-capture", app, folder, [])),
            "agent": stack.enter_context(service("pi-auto-client", app, folder, ["--server", url])),
            "peer": stack.enter_context(_started(folder, [python(), "-I", "-c", _with(app)])),
        }
        _settle(folder)
        before = {name: read(pid) for name, pid in running.items()}
        time.sleep(seconds)
        _report(before, {name: read(pid) for name, pid in running.items()}, seconds)
    return 0


def python() -> str:
    """The Python that the appliance runs on, if this machine has it."""
    system = "/usr/bin/python3"
    return system if Path(system).exists() else sys.executable


def _with(app: Path) -> str:
    return f"import sys; sys.path.insert(0, {str(app)!r}); {PEER}"


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    listen = ("--trust", "off", "--http", "127.0.0.1:0", "--hub-mqtt", "127.0.0.1:0")
    server = Program(
        "pi_auto.server.cli", "run", "--data", str(folder / "server"), *listen, log=folder / "server.log"
    )
    try:
        yield f"http://{server.start()['http']}"
    finally:
        server.stop()


def unpacked(folder: Path) -> Path:
    """The release, as the installer unpacks it; its program. PI_AUTO_BENCH_RELEASE names one made already."""
    made = os.environ.get("PI_AUTO_BENCH_RELEASE")
    if not made:
        command: list[str | Path] = [sys.executable, ROOT / "script/dist", folder / "dist"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return unpack(Path(made) if made else folder / "dist/pi_auto_client.py", folder / "opt") / "app"


@contextmanager
def service(unit: str, app: Path, folder: Path, options: list[str]) -> Iterator[int]:
    """A service by its unit's own command line and environment, over `folder`; its process."""
    text = (UNITS / f"{unit}.service").read_text()
    line = re.search(r"^ExecStart=(.+)$", text, re.MULTILINE)
    if line is None:
        raise SystemExit(f"{unit}.service has no ExecStart")
    _, *words = shlex.split(line[1])
    words = [str(app) if word.startswith("/opt/") else word for word in words]
    words = [str(folder / f"{unit}.log") if word.startswith("/var/log/") else word for word in words]
    options = ["--config", str(_no_settings(folder)), "--state", str(folder / "state"), *options]
    more = dict(word.split("=", 1) for word in re.findall(r"^Environment=(\w+=\S+)$", text, re.MULTILINE))
    with _started(folder, [python(), *words, *options], more) as pid:
        yield pid


def _no_settings(folder: Path) -> Path:
    """A settings file that sets nothing: this machine may have one of its own."""
    file = folder / "settings.json"
    file.write_text("{}")
    return file


@contextmanager
def _started(folder: Path, command: list[str], more: Mapping[str, str] | None = None) -> Iterator[int]:
    environment = os.environ | (more or {})
    with (folder / "output.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _settle(folder: Path) -> None:
    """Until the device has registered and reached its hub."""
    deadline = time.monotonic() + SETTLES_WITHIN
    while not _is_connected(folder):
        if time.monotonic() > deadline:
            raise SystemExit(f"it did not settle; see:\n{(folder / 'output.log').read_text()[-2000:]}")
        time.sleep(0.2)
    time.sleep(2)  # what was loaded for that is let go of


def _is_connected(folder: Path) -> bool:
    hub = posts_in(folder / "state/agent").get("hub")
    return bool(hub and hub.news.get("ok") and hub.news.get("host"))


def read(pid: int) -> Reading:
    """A process as it is now."""
    process = Path(f"/proc/{pid}")
    memory = dict(re.findall(r"^(\w+):\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE))
    ticks = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    wakeups = 0
    for task in (process / "task").iterdir():
        wakeups += int(
            re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.MULTILINE)[0]
        )
    private = int(memory["Private_Clean"]) + int(memory["Private_Dirty"])
    return Reading(int(memory["Rss"]), int(memory["Pss"]), private, sum(map(int, ticks)) / _TICK, wakeups)


def _report(before: dict[str, Reading], after: dict[str, Reading], seconds: int) -> None:
    print(f"idle for {seconds} s; Python {sys.version.split()[0]}, {os.uname().machine}")
    print(f"{'':<10}{'PSS MiB':>9}{'private':>9}{'CPU %':>8}{'wake-ups/s':>12}")
    for name in ("capture", "agent", "peer"):
        _row(name, [before[name]], [after[name]], seconds)
    ours = ("capture", "agent")
    _row("appliance", [before[name] for name in ours], [after[name] for name in ours], seconds)
    together = sum(after[name].pss for name in ours)
    print(f"appliance ÷ peer: {together / after['peer'].pss:.2f} of its PSS; aims: 40 MiB, 0.5 % of a core")


def _row(name: str, before: list[Reading], after: list[Reading], seconds: int) -> None:
    pss, private = (sum(values) / 1024 for values in zip(*((one.pss, one.private) for one in after), strict=True))
    busy = sum(one.seconds for one in after) - sum(one.seconds for one in before)
    wakeups = sum(one.wakeups for one in after) - sum(one.wakeups for one in before)
    print(f"{name:<10}{pss:>9.1f}{private:>9.1f}{100 * busy / seconds:>8.2f}{wakeups / seconds:>12.1f}")
