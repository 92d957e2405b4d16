"""A fleet's server as its administrator sees it, who is at its machine, and as a script that reads from it.

Commands go to `pi-auto-server`, reading goes over TLS by the fleet's name: whatever this can, anybody can who has
the data folder.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import subprocess
import sys
import urllib.parse
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from pi_auto.simulator.program import ProgramFailed
from pi_auto.wire.fleet_card import FleetCard

_SERVER = "pi_auto.server.cli"
_WITHIN = 60.0  # seconds for a command
_ANSWER_WITHIN = 10.0
_MOST_SCANS = 10_000


class Office:
    """The administrator of the server that keeps its things in `data` and answers at `https` (ADDRESS:PORT)."""

    def __init__(self, data: Path, https: str) -> None:
        self._data, self._https = data, https

    def ask(self, *words: str) -> str:
        """What a command of the administrator prints. Raises ProgramFailed."""
        command = [sys.executable, "-m", _SERVER, *words, "--data", str(self._data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_WITHIN)
        if done.returncode:
            raise ProgramFailed(f"{' '.join(words[:2])}: {done.stderr.strip()}")
        return done.stdout.strip()

    def hand_out_card(self, *addresses: str, most: int = 1) -> FleetCard:
        """A card with these addresses of the server, else the one it is at, and a token for `most` devices."""
        named = [word for address in addresses or (self._https,) for word in ("--address", address)]
        batch = f"virtual-{secrets.token_hex(4)}"
        words = ("fleet", "card", "--batch", batch, "--most", str(most))
        self._card = card = FleetCard.parse(self.ask(*words, *named).encode())
        return card

    def link(self) -> str:
        """A link that signs a browser in, once."""
        return self.ask("operator", "link")

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers to an operator who may read, as JSON values. Raises OSError."""
        asked = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        with closing(self._connection()) as connection:
            connection.request("GET", asked, headers={"Authorization": f"Bearer {self._token}"})
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"GET {path}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def scans(self, device_id: str = "") -> list[dict[str, Any]]:
        """The device's scans in the books, or everybody's, in the order of scanning."""
        whose = {"device": device_id} if device_id else {}
        booked: list[dict[str, Any]] = self.get("/api/scans", limit=_MOST_SCANS, order="oldest", **whose)["scans"]
        return sorted(booked, key=lambda scan: (scan["device_id"], scan["spool"], scan["number"]))

    def _connection(self) -> http.client.HTTPConnection:
        host, _, port = self._https.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=_ANSWER_WITHIN)
        plain = socket.create_connection((host, int(port)), timeout=_ANSWER_WITHIN)
        try:
            context = ssl.create_default_context(cadata=self._card.ca)
            connection.sock = context.wrap_socket(plain, server_hostname=self._card.server_name)
        except BaseException:
            plain.close()
            raise
        return connection

    @cached_property
    def _card(self) -> FleetCard:
        return FleetCard.parse(self.ask("fleet", "card").encode())

    @cached_property
    def _token(self) -> str:
        return self.ask(
            "operator", "token-create", f"reader-{secrets.token_hex(4)}", "--scopes", "read", "--days", "1"
        )
