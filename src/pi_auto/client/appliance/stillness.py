"""Keeps the running system still around a factory reset: who stops, and who writes nothing down any more.

All of it holds until the next boot and no longer.
"""

from __future__ import annotations

from pathlib import Path

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed

_HUSHED = "run/systemd/system/{}.d/pi-auto-reset.conf"
# Both would write at their end what has just been removed: which networks were seen, and a seed for the next boot.
_AT_THEIR_END = {
    "NetworkManager.service": "[Service]\nKillSignal=SIGKILL\n",
    "systemd-random-seed.service": "[Service]\nExecStop=\n",
}


def stop_services() -> None:
    """Stop ours. Raises SetupFailed if they do not."""
    machine.run("systemctl", "stop", *machine.UNITS)
    running = [unit for unit in machine.UNITS if machine.is_active(unit)]
    if running:
        raise SetupFailed(f"{' and '.join(running)} cannot be stopped; see: systemctl status")


def hush(root: Path) -> None:
    """Let nobody write at the end of this boot what a reset removes. Raises OSError and SetupFailed."""
    for unit, lines in _AT_THEIR_END.items():
        file = root / _HUSHED.format(unit)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lines)
    machine.run("systemctl", "daemon-reload")


def journal_to_memory() -> None:
    """Have the journal kept in memory, where there is one, and its files on disk let go of."""
    machine.may_fail("journalctl", "--relinquish-var")


def begin_journal() -> None:
    """Begin a new journal in the place of the one that was removed."""
    machine.may_fail("journalctl", "--rotate")


def journal_to_disk() -> None:
    """Have it kept on disk again, where it is kept there."""
    machine.may_fail("journalctl", "--flush")


def give_back_blocks() -> None:
    """Tell the disk which blocks are free, where it listens: some then read as empty."""
    machine.may_fail("fstrim", "--all", "--quiet-unsupported")


def power_off() -> None:
    """Do so. Raises SetupFailed."""
    machine.run("systemctl", "poweroff")


def reboot() -> None:
    """Do so, and let nothing be started before. Raises SetupFailed."""
    machine.run("systemctl", "start", "--no-block", "--job-mode=replace-irreversibly", "reboot.target")
