"""An administrator before a server that runs, and a device that asks it to be taken in: commands, and TLS."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_auto.server.fleet.claims import hash_secret
from pi_auto.wire.enrolment import Enrolment, Renewal
from pi_auto.wire.registration import Registration
from pi_auto.wire.signed import ENROLMENT, RENEWAL
from support.device_keys import DeviceKey
from support.records import START
from support.server import RunningServer
from support.tls import http_to

SERIAL, DEVICE = "100000001a2b3c4d", "pi-1a2b3c4d"


def run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def say(data: Path, *words: str) -> str:
    ended = run(data, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def over_tls(server: RunningServer, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    connection = http_to(server.https, server.card)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Set-Cookie") or answer.read().decode()
    finally:
        connection.close()


@dataclass
class Card:
    """What lies on a device's card, and the boot of the machine that it is in."""

    server: RunningServer
    key: DeviceKey
    fleet_id: str
    token: str = ""
    boot: str = field(default_factory=lambda: str(uuid.uuid4()))

    def enrol(self) -> int:
        registration = Registration(DEVICE, START, {"hostname": "till-3"}, "2.0")
        asked = Enrolment(self.fleet_id, self.nonce(), SERIAL, self.key.public, self.boot, registration)
        return self.send("/api/register_device", ENROLMENT, asked)

    def renew(self) -> int:
        asked = Renewal(self.fleet_id, self.nonce(), DEVICE, self.boot, hash_secret(self.token).hex())
        return self.send("/api/renew_token", RENEWAL, asked)

    def nonce(self) -> str:
        status, said = over_tls(self.server, "POST", "/api/register_device/nonce")
        assert status == 200, said
        return str(json.loads(said)["nonce"])

    def send(self, path: str, kind: str, message: Any) -> int:
        body = json.dumps(self.key.sign(kind, message).to_json())
        status, said = over_tls(self.server, "POST", path, body, Content_Type="application/json")
        self.token = json.loads(said).get("api_token", self.token)
        return status
