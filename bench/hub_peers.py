"""The two brokers of `script/bench hub`: the hub, and a Mosquitto that keeps nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from load import cpu_seconds
from pi_auto.simulator.program import Program
from pi_auto.wire.connection_string import ConnectionString

_READY_WITHIN = 10.0  # seconds
_ASKERS = 16  # so that devices share transactions while they are made
_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
user {user}
log_type error
log_type warning
max_connections -1
"""


@dataclass(slots=True)
class Broker:
    """A running broker, and what its devices prove themselves by."""

    name: str
    address: tuple[str, int]
    pid: int
    identities: list[ConnectionString]

    def cpu(self) -> float:
        """The processor time that it has taken, in seconds."""
        return cpu_seconds(self.pid)


@contextmanager
def hub(folder: Path, devices: int) -> Iterator[Broker]:
    """The hub without TLS, over an empty data folder, with so many devices."""
    program = Program(
        "pi_auto.hub.cli", "run", "--data", str(folder / "hub"), "--host", "127.0.0.1", "--mqtt-port", "0",
        log=folder / "hub.log",
    )  # fmt: skip
    try:
        bound = program.start()
        assert program.process  # noqa: S101 - it has just been started
        host, _, port = bound["mqtt"].rpartition(":")
        identities = _put_devices(Path(bound["socket"]), devices)
        yield Broker("pi-auto-hub", (host, int(port)), program.process.pid, identities)
    finally:
        program.stop()


@contextmanager
def mosquitto(folder: Path, identities: list[ConnectionString]) -> Iterator[Broker | None]:
    """Mosquitto without persistence; nothing if this machine has none."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        yield None
        return
    port = _free_port()
    settings = folder / "mosquitto.conf"
    settings.write_text(_MOSQUITTO.format(port=port, user="root" if os.getuid() == 0 else ""))
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", settings], stdout=log, stderr=log)
    try:
        _wait_for(port, folder / "mosquitto.log")
        yield Broker(_version(program), ("127.0.0.1", port), process.pid, identities)
    finally:
        process.terminate()
        process.wait()


def _put_devices(path: Path, count: int) -> list[ConnectionString]:
    names = [f"pi-{number:08x}" for number in range(count)]
    with ThreadPoolExecutor(_ASKERS) as pool:
        parts = pool.map(lambda first: _put(path, names[first::_ASKERS]), range(_ASKERS))
    return [identity for part in parts for identity in part]


def _put(path: Path, names: list[str]) -> list[ConnectionString]:
    found = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        lines = connection.makefile("rwb")
        for name in names:
            lines.write(json.dumps({"op": "put_device", "device_id": name}).encode() + b"\n")
            lines.flush()
            answer = json.loads(lines.readline())
            found.append(ConnectionString(answer["host"], name, answer["primary_key"]))
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"mosquitto does not listen:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return


def _version(program: str) -> str:
    told = subprocess.run([program, "-h"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return told.partition("\n")[0].replace(" version ", " ")
