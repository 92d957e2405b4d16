"""The system's own tools, for the installer: each call is bounded and says in a sentence what went wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pi_auto.client.appliance.errors import SetupFailed, TookTooLong

UNITS = ("pi-auto-capture.service", "pi-auto-client.service")
AT_BOOT = (*UNITS, "pi-auto-trial.service")  # what is started by itself
AGENT_USER = "pi-auto"
_PATIENCE = 120.0  # seconds for one call
_MODULES = ("evdev", "usbhid", "cdc_acm", "usbserial")


def run(*command: str, patience: float = _PATIENCE, fine: Sequence[int] = (0,)) -> str:
    """What a command prints. SetupFailed if it is missing, takes too long, or its exit code is not `fine`."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=patience, check=False
        )
    except FileNotFoundError:
        raise SetupFailed(f"{command[0]} is missing; is this Raspberry Pi OS or Debian?") from None
    except subprocess.TimeoutExpired:
        raise TookTooLong(f"{' '.join(command)} did not end within {patience:.0f} s") from None
    if done.returncode not in fine:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise SetupFailed(f"{' '.join(command)} failed: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout


def may_fail(*command: str) -> str:
    """What a command prints; nothing if it fails: for what is not there on every machine."""
    try:
        return run(*command)
    except SetupFailed:
        return ""


def systemd_runs() -> bool:
    """Whether services can be started: not in the chroot of an image builder."""
    return Path("/run/systemd/system").is_dir()


def make_users_and_folders(root: Path) -> None:
    """The users and folders that the placed files describe. Raises SetupFailed."""
    inside = [] if root == Path("/") else [f"--root={root}"]
    run("systemd-sysusers", *inside, "pi-auto-client.conf")
    run("systemd-tmpfiles", *inside, "--create", "pi-auto-client.conf")


def apply_rules() -> None:
    """Make the running system follow the placed files."""
    run("systemctl", "daemon-reload")
    for module in _MODULES:
        may_fail("modprobe", module)
    may_fail("udevadm", "control", "--reload")
    subsystems = [f"--subsystem-match={name}" for name in ("input", "hidraw", "tty", "leds", "gpio")]
    may_fail("udevadm", "trigger", "--action=change", "--settle", *subsystems)


def arm_watchdog() -> None:
    """Let systemd read its own settings again, which hold that of the hardware watchdog.

    While it reloads units it does not feed it, and that takes a slow board longer than a watchdog waits: so this
    comes last.
    """
    may_fail("systemctl", "daemon-reexec")


def enable() -> None:
    """Have the services started at every boot."""
    run("systemctl", "enable", "--quiet", *AT_BOOT)


def restart() -> None:
    """Start the services, or start them again, and wait until they are ready or have failed."""
    may_fail("systemctl", "reset-failed", *UNITS)
    may_fail("systemctl", "restart", *UNITS)


def is_active(unit: str) -> bool:
    """Whether a service says that it works."""
    return may_fail("systemctl", "is-active", unit).strip() == "active"


def last_words(unit: str) -> str:
    """The last thing a service said that was no chatter of systemd."""
    lines = may_fail("journalctl", "--no-pager", "-o", "cat", "-n", "20", f"_SYSTEMD_UNIT={unit}").strip()
    return lines.splitlines()[-1].strip() if lines else ""
