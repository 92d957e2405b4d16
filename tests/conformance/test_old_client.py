"""An old client, built from its contract with Microsoft's SDK, lives its whole life here and becomes a new one."""

from __future__ import annotations

import http.client
import json
import os
import queue
import secrets
import ssl
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.releases import release_of
from support.sdk import MISSING, PYTHON, READY
from support.server import RunningServer, running_server
from support.waiting import wait_until

PROGRAM = Path(__file__).parent / "programs" / "old_client.py"
PATIENCE = 60.0
ID = "pi-1a2b3c4d"
INSTALLER = """#!/bin/bash
# Stands in for the release's installer, which wants systemd and changes the whole machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$PI_AUTO_MIGRATION_ROOT
python3 -I "$here/pi_auto_client.py" --version >"$root/installed"
printf '%s' "$PI_AUTO_FLEET_CARD" | base64 -d >"$root/etc/fleet.json"
[ ! -e "$root/fails" ]
"""
STUBS = {  # the machine's own programs: what they are told is written down, the job is run at once
    "systemd-run": """
while [ "${1#--}" != "$1" ]; do
    case $1 in --setenv=*) export "${1#--setenv=}" ;; esac
    shift
done
exec "$@"
""",
    "systemctl": 'echo "$@" >>"$PI_AUTO_MIGRATION_ROOT/systemctl"',
}
pytestmark = pytest.mark.skipif(not READY, reason=MISSING)


class OldMachine:
    """A folder that an old client takes for its machine, and the old client that runs there."""

    def __init__(self, root: Path, server: RunningServer) -> None:
        self.root, self._trust = root, root / "fleet-ca.pem"
        self.program = root / "opt/pi-auto-client/pi_auto_client.py"
        self.settings = root / "etc/pi_auto_client.json"
        for folder in (self.program.parent, self.settings.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self._trust.write_text(json.loads(admin(server, "fleet", "card"))["ca"])
        self.program.write_bytes(PROGRAM.read_bytes())
        self.settings.write_text(json.dumps({
            "device_id": ID, "server_url": f"http://{server.http}", "update_interval": 3600,
            "heartbeat_interval": 30, "registration_retry_interval": 1, "app_version": "1.0.0",
        }))  # fmt: skip

    @contextmanager
    def running(self) -> Iterator[OldProgram]:
        environment = os.environ | {"SSL_CERT_FILE": str(self._trust)}
        with (self.root / "errors").open("ab") as errors:
            process = subprocess.Popen(
                [PYTHON, self.program, self.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, env=environment,
            )  # fmt: skip
        program = OldProgram(process, self.root / "errors")
        try:
            yield program
        finally:
            process.kill()
            program.close()

    def start_what_is_installed(self) -> subprocess.CompletedProcess[str]:
        """As its service does."""
        stubs = self.root / "stubs"
        stubs.mkdir(exist_ok=True)
        for name, body in STUBS.items():
            (stubs / name).write_text(f"#!/bin/sh\n{body}\n")
            (stubs / name).chmod(0o755)
        path = f"{stubs}:{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, str(self.program)], capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | {"PI_AUTO_MIGRATION_ROOT": str(self.root), "PATH": path},
        )  # fmt: skip


class OldProgram:
    """The old client's process: what it tells, in order."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process, self._errors = process, errors
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until(self, what: str) -> dict[str, Any]:
        """The next that it tells of this; whatever it tells before that is passed by."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"it never told {what}; {self._errors.read_text()}") from None
            if told["told"] == what:
                return told

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def leave(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def close(self) -> None:
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe and not pipe.closed:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._told.put(json.loads(line))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """With a hub of its own on the SDK's port, by the fleet's certificate."""
    host = f"127.{2 + secrets.randbelow(250)}.{secrets.randbelow(256)}.{2 + secrets.randbelow(250)}"
    names = ("fleet.local", "10.1.2.3", host)
    options = [word for name in names for word in ("--server-name", name)]
    with running_server(tmp_path, *options, "--heartbeat-interval", "1", hub_mqtt=f"{host}:8883") as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, server: RunningServer) -> OldMachine:
    return OldMachine(tmp_path / "machine", server)


def admin(server: RunningServer, *words: str) -> str:
    command = [sys.executable, "-m", "pi_auto.server.cli", *words, "--data", str(server.data)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def device(server: RunningServer) -> dict[str, Any]:
    """The old client as the guide's own line tells of it on the server's machine."""
    answer = server.request(f"/api/pi_device/legacy-{ID}")
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json
    return told


def scans(server: RunningServer) -> list[dict[str, Any]]:
    """What is booked, asked of the API as an operator's script does."""
    token = admin(server, "operator", "token-create", f"t{secrets.token_hex(4)}", "--scopes", "read").strip()
    host, _, port = server.https.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
    try:
        connection.request("GET", "/api/scans?order=oldest", headers={"Authorization": f"Bearer {token}"})
        found: list[dict[str, Any]] = json.loads(connection.getresponse().read())["scans"]
    finally:
        connection.close()
    return found


def package(server: RunningServer, folder: Path) -> None:
    """The operator makes the update."""
    (folder / "pi_auto_client.py").write_bytes(release_of("9.1"))
    (folder / "install_pi_client.sh").write_text(INSTALLER)
    said = admin(
        server, "legacy", "package", "--client", str(folder / "pi_auto_client.py"),
        "--installer", str(folder / "install_pi_client.sh"),
    )  # fmt: skip
    assert "holds no token" in said


def test_with_legacy_mode_off_it_gets_a_clear_403(machine: OldMachine) -> None:
    with machine.running() as program:
        refused = program.until("not registered")
        assert refused["status"] == 403
        assert "pi-auto-server legacy on --network 127.0.0.0/24" in refused["answer"]["error"]
        assert "https://fleet.local" in refused["answer"]["instead"]
        assert program.until("not registered")["status"] == 403  # it asks again, and gets the same


def test_its_whole_life_and_the_way_to_a_new_client(
    server: RunningServer, machine: OldMachine, tmp_path: Path
) -> None:
    admin(server, "legacy", "on", "--network", "127.0.0.0/24", "--days", "30")
    with machine.running() as program:
        assert "waits for an operator" in program.until("not registered")["answer"]["error"]
        assert f"{ID:<16} waits" in admin(server, "legacy", "list")
        admin(server, "legacy", "approve", ID)
        answer = program.until("connected")["answer"]
        assert answer["server_info"]["update_interval"] == 3600
        assert program.until("checked")["answer"]["has_update"] is False
        for _ in range(3):
            program.until("beat")
        wait_until(lambda: device(server)["status"] == "online", 20, "it is online")
        assert device(server)["hostname"] == "raspberrypi"
        for code in ("4006381333931", "4006381333931", "5449000000996"):
            program.say(code)
            program.until("sent")
        both = wait_until(
            lambda: [s for s in scans(server) if s["api_at"] and s["hub_at"]][2:], 30, "three, both ways"
        )
        assert [(scan["text"], scan["legacy"]) for scan in both] == [("5449000000996", True)]
        assert len(scans(server)) == 3
        package(server, tmp_path)
        program.say("CHECK")
        assert program.until("checked")["answer"]["has_update"] is False  # the operator has not chosen it
        admin(server, "legacy", "migrate", ID)
        program.say("CHECK")
        offer = program.until("checked")["answer"]
        assert (offer["latest_version"], offer["mandatory"]) == ("9.1", True)
        program.until("updated")
        assert program.process.wait(PATIENCE) == 10
    wait_until(lambda: device(server)["status"] == "offline", 20, "its goodbye")
    assert_migrated(server, machine)


def assert_migrated(server: RunningServer, machine: OldMachine) -> None:
    """What it has installed installs the new client, leaves nothing of the old one, and says so."""
    started = machine.start_what_is_installed()
    assert started.returncode == 0, started.stderr
    assert (machine.root / "installed").read_text().strip()  # the new client has run
    card = json.loads((machine.root / "etc/fleet.json").read_text())
    assert card["servers"]
    assert not card.get("batch_token")
    assert json.loads(machine.settings.read_text()) == {"device_id": ID}
    assert not machine.program.exists()
    assert not (machine.root / "var/lib/pi-auto-migration").exists()
    assert "update success" in admin(server, "legacy", "list")


def test_a_restart_gets_no_second_connection_string_and_goes_on_with_the_first(
    server: RunningServer, machine: OldMachine
) -> None:
    admin(server, "legacy", "on", "--network", "127.0.0.0/24")
    with machine.running() as program:
        program.until("not registered")
        admin(server, "legacy", "approve", ID)
        program.until("connected")
        program.say("4006381333931")
        program.until("sent")
        program.leave()
        program.until("left")
    wait_until(lambda: device(server)["status"] == "offline", 20, "its goodbye")
    with machine.running() as program:
        assert "given once only" in program.until("connected")["answer"]["message"]
        program.say("5449000000996")
        program.until("sent")
    assert [scan["text"] for scan in scans(server)] == ["4006381333931", "5449000000996"]


def test_an_installer_that_fails_leaves_the_old_client_as_it_was(
    server: RunningServer, machine: OldMachine, tmp_path: Path
) -> None:
    admin(server, "legacy", "on", "--network", "127.0.0.0/24")
    package(server, tmp_path)
    with machine.running() as program:
        program.until("not registered")
        admin(server, "legacy", "approve", ID)
        program.until("connected")
        admin(server, "legacy", "migrate", ID)
        program.say("CHECK")
        program.until("updated")
    before = machine.settings.read_text()
    (machine.root / "fails").touch()
    assert machine.start_what_is_installed().returncode == 0
    assert machine.program.read_bytes() == PROGRAM.read_bytes()
    assert machine.settings.read_text() == before
    assert "restart pi-auto-client.service" in (machine.root / "systemctl").read_text()
    assert "update failed" in admin(server, "legacy", "list")
    with machine.running() as program:  # it works as before, and is not offered what has failed
        assert program.until("checked")["answer"]["has_update"] is False


def test_what_is_handed_out_is_for_root_alone_and_holds_no_secret(server: RunningServer, tmp_path: Path) -> None:
    package(server, tmp_path)
    file = server.data / "legacy" / "update.zip"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["pi_auto_client.py"]
        assert archive.comment == b"9.1"
        source = archive.read("pi_auto_client.py").decode()
    compile(source, "pi_auto_client.py", "exec")
    assert "BEGIN PRIVATE KEY" not in source
