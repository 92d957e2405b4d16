"""An administrator before a server that runs: its commands as processes, its pages over TLS."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from pi_auto.wire.fleet_card import FleetCard
from support.server import RunningServer


def run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pi_auto.server.cli", *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def say(data: Path, *words: str) -> str:
    ended = run(data, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def over_tls(server: RunningServer, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    card = FleetCard.from_json(json.loads(say(server.data, "fleet", "card")))
    host, _, port = server.https.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    plain = socket.create_connection((host, int(port)), timeout=20)
    context = ssl.create_default_context(cadata=card.ca)
    connection.sock = context.wrap_socket(plain, server_hostname=card.server_name)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Set-Cookie") or answer.read().decode()
    finally:
        connection.close()
