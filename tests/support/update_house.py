"""Updates as a whole: a server, a desk with keys, and a device that runs a real release out of its folders.

Server, agent, capture and fetcher are real processes and speak real TLS; the switcher is the real one on a folder
that stands for the device's root. Only systemd is stood in for (update_services.py): what its path unit waits for,
`update` waits for here.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pi_auto.client.appliance.release import switch, unpack
from pi_auto.client.spool.doorbell import UPDATE, ring
from pi_auto.client.switcher import program
from pi_auto.client.switcher.services import CAPTURE_UNIT, UNITS, python
from pi_auto.client.switcher.site import Patience, Site
from pi_auto.client.switcher.telling import told_in
from pi_auto.files import write_whole
from pi_auto.server.cli import main
from pi_auto.simulator.scanner import VirtualScanner
from support import processes
from support.releases import release_of
from support.server import RunningServer
from support.signed_releases import PASSPHRASE
from support.update_services import ProcessServices
from support.waiting import wait_until

DEVICE = "pi-cafe0001"
_MARK = "run/pi-auto-client/update"
_LOST_AFTER = 15.0  # seconds in which a ring is answered; an agent that is being started anew hears none
_QUICK = Patience(deadline=60.0, stable=1.0, look=0.1, pause=0.2, pause_bound=2.0, self_test=90.0, between=0.0)


class UpdateHouse:
    """Everything below `folder`. `base` is the version that the device is installed with."""

    def __init__(self, folder: Path, base: str = "0.1.0") -> None:
        self.folder, self.root, self._base = folder, folder / "root", base

    def __enter__(self) -> Self:
        options = ("--http", "off", "--trust", "on", "--hub-mqtt", "off")
        self.server = RunningServer(self.folder / "data", self.folder / "server.log", *options)
        try:
            self._make_keys()
            self._install()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if services := getattr(self, "services", None):
            services.close()
        if scanner := getattr(self, "scanner", None):
            scanner.close()
        self.server.stop()
        processes.kill([pid for pid in processes.pids(str(self.folder)) if pid != os.getpid()])

    def desk(self, *words: str) -> str:
        """What a command says that is typed where the keys are."""
        return self._said(*words)

    def ask(self, *words: str) -> str:
        """What a command says that is typed at the server."""
        return self._said(*words, "--data", str(self.server.data))

    def shown(self, number: int) -> dict[str, Any]:
        """A roll-out, as `rollout show --json` tells it."""
        told: dict[str, Any] = json.loads(self.ask("rollout", "show", str(number), "--json"))
        return told

    def device(self, number: int) -> dict[str, Any]:
        """The device in a roll-out, as `rollout report --json` tells it."""
        (told,) = json.loads(self.ask("rollout", "report", str(number), "--json"))
        return dict(told)

    def release(self, version: str, changes: dict[str, str] | None = None) -> None:
        """Build, sign and publish the present code, changed, as a release of this version."""
        plain, built = self.folder / f"plain-{version}.py", self.folder / f"built-{version}.py"
        plain.write_bytes(release_of(self._base, changes))
        archive = ("--archive", str(plain), "--output", str(built))
        self.desk("release", "build", self._updates, *archive, "--as-version", version)
        self.desk("release", "sign", self._updates, "--archive", str(built), *self._passphrase)
        self.publish()

    def sign_authority(self, card: dict[str, Any]) -> None:
        """Sign a card as the fleet's authority, and publish it."""
        file = self.folder / "card.json"
        file.write_text(json.dumps(card))
        self.desk("release", "sign", self._updates, "--authority", str(file), *self._passphrase)
        self.publish()

    def publish(self) -> None:
        """Carry the bundle to the server."""
        self.ask("release", "publish", str(self.folder / "updates/bundle"))

    def roll_out(self, version: str, stages: str = "100%/0s") -> int:
        """Plan a roll-out and start it; its number."""
        number = int(self.ask("rollout", "plan", version, "--stages", stages).split()[1])
        self.ask("rollout", "start", str(number))
        return number

    def start(self) -> None:
        """Start the device's services, as a boot does, and wait until the server knows the device."""
        for unit in UNITS:
            self.services.restart(unit)
        wait_until((self.site.state / "agent/registration.json").exists, 60, "the device enrols")
        wait_until((self.site.state / "agent/bulletin.json").exists, 30, "the agent tells of itself")

    def update(self, within: float = 90.0) -> None:
        """Have the device ask, and do what pi-auto-update.service does, until something has come of it.

        The device asks only then: should it ask while the switcher is at work, that would be woken once more.
        """
        told, rung = self.steps(), time.monotonic()
        self.ask_for_update()

        def has_come() -> bool:
            nonlocal rung
            if (self.root / _MARK).exists():
                program.update(self.site)
            elif time.monotonic() > rung + _LOST_AFTER and self._is_idle():
                self.ask_for_update()
                rung = time.monotonic()
            return self.steps() != told

        wait_until(has_come, within, "something is handed over")

    def ask_for_update(self) -> None:
        """Ring the agent as `check-update` does."""
        ring(self.site.state / "agent/wake.sock", UPDATE)

    def _is_idle(self) -> bool:
        """Whether there is an agent, and it says of no update that it is under way."""
        with suppress(FileNotFoundError):
            posts = json.loads((self.site.state / "agent/bulletin.json").read_text())["posts"]
            return "update" not in posts or bool(posts["update"]["news"]["over"])
        return False

    def scan(self, text: str) -> None:
        """Scan a code, once capture has the scanner open."""
        opened = self.services.log_of(CAPTURE_UNIT)
        wait_until(
            lambda: "capture ready" in opened.read_text().rpartition("capture is up")[2], 30, "capture is up"
        )
        self.scanner.type_at_once(text)

    def booked(self) -> list[str]:
        """The texts of the device's scans in the books, the oldest first."""
        scans = self.server.request(f"/api/scans?device={DEVICE}&order=oldest").json["scans"]
        return [scan["text"] for scan in scans]

    def steps(self) -> list[tuple[str, str]]:
        """What the switcher has told, with reasons."""
        told = told_in(self.site.told, os.geteuid())
        return [(step["step"], step["reason"]) for step in told]

    def status(self) -> dict[str, Any]:
        """What `pi-auto-client status --json` says on the device."""
        app = self.site.opt / "current/app"
        told: dict[str, Any] = json.loads(self.services.run_as("pi-auto", python(app, "status", "--json"), 60))
        return told

    @property
    def version(self) -> str:
        """What `current` names."""
        running = self.site.running()
        return running.name if running else ""

    @property
    def _updates(self) -> str:
        return str(self.folder / "updates")

    @property
    def _passphrase(self) -> tuple[str, str]:
        return "--passphrase-file", str(self.folder / "passphrase")

    def _make_keys(self) -> None:
        write_whole(self.folder / "passphrase", PASSPHRASE, mode=0o600)
        online = self.folder / "online-key.json"
        online.write_text(self.ask("release", "online-key"))
        self.desk("release", "keys", "init", self._updates, "--online-key", str(online), *self._passphrase)
        self.publish()

    def _install(self) -> None:
        """What the installer leaves behind, with a card that names the root."""
        for name in (
            "var/lib/pi-auto-client/agent",
            "var/lib/pi-auto-client/capture",
            "run/pi-auto-client",
            "etc",
        ):
            (self.root / name).mkdir(parents=True)
        self.scanner = VirtualScanner(self.root / "scanner")
        self.services = ProcessServices(self.root, self.root / "scanner")
        self.site = Site(self.root, self.services, _QUICK, owner=os.geteuid())
        base = self.folder / "base.py"
        base.write_bytes(release_of(self._base))
        switch(self.site.opt, unpack(base, self.site.opt))
        self.place_card(self.server.https)
        settings = {"device_id": DEVICE, "fleet_card": str(self.site.card), "registration_retry_interval": 1,
                    "update_interval": 3600, "heartbeat_interval": 1}  # fmt: skip
        write_whole(self.root / "etc/pi_auto_client.json", json.dumps(settings))
        self.site.make_folders()

    def card(self, address: str, *options: str) -> dict[str, Any]:
        """A fleet card with this address."""
        told: dict[str, Any] = json.loads(self.ask("fleet", "card", "--address", address, *options))
        return told

    def place_card(self, address: str) -> None:
        """A card as the installer places it, its batch token apart."""
        card = self.card(address, "--batch", "spring")
        token = card.pop("batch_token")
        write_whole(self.site.state / "agent/batch_token", f"{token}\n", mode=0o600)
        write_whole(self.site.card, json.dumps(card, indent=2) + "\n")

    @staticmethod
    def _said(*words: str) -> str:
        said = StringIO()
        with redirect_stdout(said):
            ended = main(words)
        assert not ended, f"{words}: {said.getvalue()}"
        return said.getvalue().strip()
