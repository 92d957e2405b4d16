"""`pi_auto_client.py setup`: makes this machine the appliance, repairs it, or brings it to this release.

Every step finds out what there is to do and may be done again, so that after a power cut anywhere
the next run finishes the work. Until `switch` the former release runs untouched; when a step fails,
or what worked before does not work any more, all that was changed is put back.
Scans, identity and settings are never touched.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pi_auto
from pi_auto.client.agent.enrolment.hardware import Hardware
from pi_auto.client.appliance import health, machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.handing_over import HandingOver, wished
from pi_auto.client.appliance.overlay import Placed, place
from pi_auto.client.appliance.release import current, prune, switch, unpack
from pi_auto.client.appliance.resetting import finish_begun
from pi_auto.client.appliance.turns import alone, refuse_during_trial
from pi_auto.client.configuring import configure
from pi_auto.client.settings import SettingsError
from pi_auto.wire.ids import device_id_from

INSTALLED_ONLY = 3  # the exit code where all is in its place, but a service does not run
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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


@dataclass(frozen=True, slots=True)
class Given:
    """The files that the installer was given: a fleet card, a secret; and whether the fleet may be another one."""

    card: Path | None = None
    secret: Path | None = None
    change_fleet: bool = False


def set_up(settings: dict[str, Any], *, image: bool, given: Given = Given()) -> int:
    """Install out of the archive this runs from, and say how it went; the exit code."""
    archive = Path(pi_auto.__file__).parents[1]
    try:
        _check(archive, image=image)
        handing_over = wished(given.card, given.secret, change_fleet=given.change_fleet)
        with alone(), _stoppable():
            if not image:
                _finish_reset()
            refuse_during_trial()
            Setup(archive, settings=settings, image=image, handing_over=handing_over).run()
        if given.card and handing_over and handing_over.card.batch_token:
            print(f"{given.card} lets other devices in as well: remove it from this one.")
    except (SetupFailed, SettingsError) as error:
        print(f"pi-auto-client setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"pi-auto-client setup: {_told(error)}; the former state still holds", file=sys.stderr)
        return 1
    return 0 if image or health.report() else INSTALLED_ONLY


def _finish_reset() -> None:
    """Finish a factory reset that was cut short: until then nothing starts."""
    extent = finish_begun()
    if extent and extent.for_cloning:
        machine.may_fail("systemctl", "start", "pi-auto-host-keys.service")  # else SSH takes no login any more


def _check(archive: Path, *, image: bool) -> None:
    if os.geteuid() != 0:
        raise SetupFailed("must be run by root: sudo ./install_pi_client.sh")
    if not archive.is_file():
        raise SetupFailed(f"{archive} is no release file; run setup of pi_auto_client.py as script/dist makes it")
    if not image and not machine.systemd_runs():
        raise SetupFailed("systemd does not run here, and the services need it")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn a signal, also that of a lost SSH connection, into an error that puts everything back."""

    def interrupted(*_: object) -> NoReturn:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # putting back is not interrupted
        raise SetupFailed("interrupted; the former state holds again, run it once more")

    former = {number: signal.signal(number, interrupted) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _told(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _link(link: Path, target: Path) -> None:
    if not (link.is_symlink() and link.readlink() == target):
        temporary = link.with_name(f".{link.name}.new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.rename(link)
