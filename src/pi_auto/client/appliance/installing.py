"""`pi_auto_client.py setup`: one run of all steps (setup.py), by one person at a time, and how it is told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pi_auto
from pi_auto.client.appliance import health, machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.handing_over import wished
from pi_auto.client.appliance.resetting import finish_begun
from pi_auto.client.appliance.setup import Setup
from pi_auto.client.appliance.turns import alone, refuse_during_trial
from pi_auto.client.settings import SettingsError

INSTALLED_ONLY = 3  # the exit code where all is in its place, but a service does not run
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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
