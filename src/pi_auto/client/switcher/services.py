"""The machine's services, as narrow as the switcher needs them: a test stands in where systemd is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed, TookTooLong

AGENT, CAPTURE = "pi-auto", "pi-auto-capture"  # users
AGENT_UNIT, CAPTURE_UNIT = "pi-auto-client.service", "pi-auto-capture.service"
UNITS = (CAPTURE_UNIT, AGENT_UNIT)
_NOT_RUN = (126, 127, -9)  # by setpriv and shells; by the kernel where memory is short
_SHOWN = ("ActiveState", "NRestarts", "Result")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a service stands: whether it works, how often it was started again by itself, and its last words."""

    active: bool
    restarts: int
    failed: bool = False
    words: str = ""


class CannotRun(SetupFailed):
    """A command did not get to run, or was killed: it says nothing about what it would have found."""


class Services(Protocol):
    """What the switcher asks of a machine."""

    def standing(self, unit: str) -> Standing:
        """How `unit` stands now."""

    def reload(self) -> None:
        """Make the system follow the files that were placed. Raises SetupFailed.

        While systemd reads all units again it feeds no hardware watchdog, and a slow board may be reset by that.
        """

    def enable(self, units: Sequence[str]) -> None:
        """Have units started at every boot, those that are no service now as well. Raises SetupFailed."""

    def disable(self, units: Sequence[str]) -> None:
        """Undo it, for units that are about to go."""

    def restart(self, unit: str) -> None:
        """Start it anew with its count of restarts at 0, and wait until it is ready or has failed."""

    def ask_to_hand_over(self, unit: str) -> bool:
        """Have a service's process start its successor; whether it could be asked. It does not wait for it."""

    def make_users_and_folders(self, root: Path) -> None:
        """Make what the placed files describe. Raises SetupFailed."""

    def missing(self, packages: Iterable[str]) -> list[str]:
        """Those Debian packages that are not installed. Raises SetupFailed."""

    def run_as(self, user: str, command: Sequence[str], patience: float) -> str:
        """What a command prints that `user` runs, without any right of root. Raises SetupFailed."""

    def uid_of(self, user: str) -> int:
        """The number of a user. Raises LookupError."""


class Systemd:
    """The machine itself."""

    def standing(self, unit: str) -> Standing:
        """See Services."""
        said = machine.may_fail("systemctl", "show", *(f"--property={name}" for name in _SHOWN), unit)
        told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        restarts = told.get("NRestarts", "0")
        failed = told.get("ActiveState") == "failed"
        active = told.get("ActiveState") == "active"
        words = "" if active else machine.last_words(unit)
        return Standing(active, int(restarts) if restarts.isdecimal() else 0, failed, words)

    def reload(self) -> None:
        """See Services."""
        machine.apply_rules()

    def enable(self, units: Sequence[str]) -> None:
        """See Services."""
        if units:
            machine.run("systemctl", "enable", "--no-reload", "--quiet", *units)
        if others := [unit for unit in units if not unit.endswith(".service")]:
            machine.may_fail("systemctl", "start", *others)

    def disable(self, units: Sequence[str]) -> None:
        """See Services."""
        if units:
            machine.may_fail("systemctl", "disable", "--no-reload", "--quiet", *units)

    def restart(self, unit: str) -> None:
        """See Services."""
        machine.may_fail("systemctl", "reset-failed", unit)
        machine.may_fail("systemctl", "restart", unit)

    def ask_to_hand_over(self, unit: str) -> bool:
        """See Services."""
        try:
            machine.run("systemctl", "reload", unit)
        except SetupFailed:
            return False
        return True

    def make_users_and_folders(self, root: Path) -> None:
        """See Services."""
        machine.make_users_and_folders(root)

    def missing(self, packages: Iterable[str]) -> list[str]:
        """See Services."""
        asked = list(packages)
        if not asked:
            return []
        show = ("dpkg-query", "--show", "--showformat=${binary:Package} ${db:Status-Status}\\n")
        said = machine.run(*show, *asked, fine=(0, 1))
        there = {name.split(":")[0] for name, _, status in map(_three, said.splitlines()) if status == "installed"}
        return [name for name in asked if name not in there]

    def run_as(self, user: str, command: Sequence[str], patience: float) -> str:
        """See Services."""
        drop = ("--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")
        return bounded(["setpriv", f"--reuid={user}", f"--regid={user}", *drop, "--", *command], patience)

    def uid_of(self, user: str) -> int:
        """See Services."""
        import pwd  # noqa: PLC0415 - loaded when needed

        return pwd.getpwnam(user).pw_uid


def bounded(command: Sequence[str], patience: float) -> str:
    """What a command prints; it and its children are ended after `patience` seconds. Raises SetupFailed.

    What it says to its standard error is told only where it fails.
    """
    try:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise CannotRun(f"{command[0]} cannot be run: {error.strerror}") from None
    with child:
        try:
            said, complained = child.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            _end(child)
            raise TookTooLong(f"{command[0]} did not end within {patience:.0f} s") from None
    if child.returncode != 0:
        lines = (complained.strip() or said.strip()).decode("utf-8", "replace").splitlines()
        kind = CannotRun if child.returncode in _NOT_RUN else SetupFailed
        raise kind(lines[-1] if lines else f"exit code {child.returncode}")
    return said.decode("utf-8", "replace")


def python(app: Path, *arguments: str) -> list[str]:
    """The command line that runs a release."""
    return [sys.executable, "-I", str(app), *arguments]


def _end(child: subprocess.Popen[bytes]) -> None:
    """It leads a session of its own: all of that goes."""
    import os  # noqa: PLC0415 - seldom needed
    import signal  # noqa: PLC0415 - seldom needed

    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _three(line: str) -> tuple[str, str, str]:
    name, _, status = line.partition(" ")
    return name, " ", status.strip()
