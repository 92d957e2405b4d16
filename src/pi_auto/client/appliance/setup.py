"""The steps that make a machine the appliance, repair it, or bring it to this release.

Every step finds out what there is to do and may be done again, so that after a power cut anywhere
the next run finishes the work. Until `switch` the former release runs untouched; when a step fails,
or what worked before does not work any more, all that was changed is put back.
Scans, identity and settings are never touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.appliance import health, machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.handing_over import HandingOver
from pi_auto.client.appliance.overlay import Placed, place
from pi_auto.client.appliance.release import current, prune, switch, unpack
from pi_auto.client.configuring import configure
from pi_auto.wire.ids import device_id_from


@dataclass(slots=True)
class Setup:
    """One run. An `image` gets no identity, and nothing is started in it. Services have `patience` seconds.

    With `handing_over` the device becomes a fleet's, or stays it.
    """

    archive: Path
    root: Path = Path("/")
    settings: dict[str, Any] = field(default_factory=dict)
    image: bool = False
    patience: float = health.TO_START
    handing_over: HandingOver | None = None
    _before: Path | None = None
    _release: Path | None = None
    _placed: Placed = field(default_factory=Placed)
    _worked: bool = False
    _switched: bool = False

    @property
    def opt(self) -> Path:
        """Where releases live."""
        return self.root / "opt/pi-auto-client"

    def run(self) -> None:
        """All steps. Raises SetupFailed, SettingsError or OSError once the former state holds again."""
        try:
            for step in self.steps():
                step()
        except BaseException:
            self._put_back()
            raise

    def steps(self) -> list[Callable[[], None]]:
        """What is done, in this order; each may be done again."""
        steps = [self.unpack, self.try_out, self.configure, self.place_card, self.place]
        steps += [self.make_users_and_folders, self.place_token, self.switch]
        return [*steps, self.start, self.prune, machine.arm_watchdog] if self._is_live else steps

    def unpack(self) -> None:
        """Put the release on disk, beside the one that runs."""
        os.umask(0o022)  # sudo may have kept a narrower one, and services have to read all of it
        self._before = current(self.opt)
        self._worked = self._is_live and all(machine.is_active(unit) for unit in machine.UNITS)
        self._release = unpack(self.archive, self.opt)

    def try_out(self) -> None:
        """Let it load everything that the services will need, in a process of its own."""
        machine.run(sys.executable, "-I", str(self._new / "app"), "self-test")

    def configure(self) -> None:
        """Write the settings; what people have written stays."""
        file = self.root / "etc/pi_auto_client.json"
        self._placed.remember(file)
        configure(file, self.settings, self._device_id())

    def place_card(self) -> None:
        """Write whose device this is. Before this line the agent could only believe what the settings say."""
        if self.handing_over:
            self._placed.remember(self.handing_over.file)
            self.handing_over.place()

    def place(self) -> None:
        """Put units, rules and the command at their places."""
        former = self._before / "app/appliance/system" if self._before else None
        place(self._new / "app/appliance/system", self.root, self._placed, former)
        for name in ("uninstall.sh", "update_client.sh"):
            _link(self.opt / name, Path("current/app/appliance") / name)

    def make_users_and_folders(self) -> None:
        """Make what the placed files describe."""
        machine.make_users_and_folders(self.root)

    def place_token(self) -> None:
        """Give the agent what lets it in."""
        if self.handing_over:
            if not self.handing_over.token_file.exists():
                self._placed.remember(self.handing_over.token_file)
            self.handing_over.place_token()

    def switch(self) -> None:
        """Make it the current release."""
        switch(self.opt, self._new)
        self._switched = True
        if self.image and self.root == Path("/"):
            machine.enable()

    def start(self) -> None:
        """Start the services with it. If they worked before and do not now, that is a failure."""
        machine.apply_rules()
        machine.enable()
        machine.restart()
        troubles = health.not_running(self.patience) if self._worked else []
        if troubles:
            raise SetupFailed(f"the new release does not run, so the former one runs again: {'; '.join(troubles)}")

    def prune(self) -> None:
        """Remove the releases that nobody can go back to."""
        prune(self.opt)

    @property
    def _is_live(self) -> bool:
        return self.root == Path("/") and not self.image

    @property
    def _new(self) -> Path:
        if self._release is None:
            raise AssertionError("unpack is the first step")
        return self._release

    def _device_id(self) -> dict[str, str]:
        """The id to write down, where this machine's is not known yet: people look for it in the settings."""
        if self.image or (self.root / "var/lib/pi-auto-client/agent/identity.json").exists():
            return {}
        hardware = Hardware()
        for number in (hardware.serial(), hardware.mac()):
            with suppress(ValueError):
                return {"device_id": device_id_from(number or "")}
        return {}

    def _put_back(self) -> None:
        """The former files and release, started again if it worked. A first release stays once switched to."""
        if self._switched and not self._before:
            return
        with suppress(OSError):
            self._placed.put_back()
        if self._switched and self._before:
            with suppress(OSError):
                switch(self.opt, self._before)
        if self._switched and self._worked:
            with suppress(SetupFailed):
                machine.apply_rules()
            machine.restart()


def _link(link: Path, target: Path) -> None:
    if not (link.is_symlink() and link.readlink() == target):
        temporary = link.with_name(f".{link.name}.new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.rename(link)
