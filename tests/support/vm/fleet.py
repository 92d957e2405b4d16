"""A server with --trust on, on this machine, and what its operator asks of it; the Pis reach it as 10.0.2.2."""

from __future__ import annotations

import json
import sqlite3
import ssl
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from pi_auto.simulator.program import Program
from support.vm.machine import HOST


class Fleet:
    """A server with its data in `folder`, and a card, with a batch token for `most` devices if any.

    `module` is the program that it runs. Everything goes by TLS, unless `options` say otherwise.
    """

    def __init__(
        self, folder: Path, *options: str, module: str = "pi_auto.server.cli", http: str = "off", most: int = 5,
        names: tuple[str, ...] = (HOST,),
    ) -> None:  # fmt: skip
        self.data, self.card, self.log = folder / "data", folder / "fleet.json", folder / "server.log"
        self._server = Program(
            module, "run", "--data", str(self.data), "--trust", "on", "--http", http, "--https", "127.0.0.1:0",
            *(word for name in names for word in ("--server-name", name)),
            "--hub-mqtt", "0.0.0.0:0", *options, log=self.log,
        )  # fmt: skip
        self.bound = self._server.start()
        self.port = int(self.bound["https"].rpartition(":")[2])
        batch = ("--batch", "virtual", "--most", str(most)) if most else ()
        self.card.write_text(self.ask("fleet", "card", "--address", f"{HOST}:{self.port}", *batch))

    def ask(self, *words: str) -> str:
        """What a command of the administrator says. AssertionError if it fails."""
        code, said = self.try_to(*words)
        assert code == 0, said
        return said

    def try_to(self, *words: str) -> tuple[int, str]:
        """Exit code of a command, and all it says."""
        command = [sys.executable, "-m", "pi_auto.server.cli", *words, "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the books say, without disturbing them."""
        with closing(sqlite3.connect(f"file:{self.data / 'books.sqlite'}?mode=ro", uri=True)) as books:
            return books.execute(query, values).fetchall()

    def booked(self) -> list[str]:
        """The texts of all scans, as often as they are in the books."""
        return [text for (text,) in self.rows("SELECT text FROM scans ORDER BY id")]

    def boots(self) -> list[str]:
        """Of which boots a signed request has come, the newest last."""
        return [boot for (kept,) in self.rows("SELECT boots FROM identities") for boot, _ in json.loads(kept)]

    def alarms(self) -> list[str]:
        """What was taken for a sign of two devices with one key."""
        return [told for (told,) in self.rows("SELECT outcome FROM audit WHERE action = 'clone'")]

    def get(self, path: str, token: str) -> dict[str, Any]:
        """A GET of the API with an operator's token."""
        ca = ssl.create_default_context(cadata=json.loads(self.card.read_text())["ca"])
        asked = urllib.request.Request(
            f"https://localhost:{self.port}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(asked, timeout=30, context=ca) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def stop(self) -> None:
        """End it."""
        self._server.stop()
