"""Where the switcher works: its places below a root folder, the services of the machine, and how long it waits.

`<state>/update/` is root's alone. What the agent hands over is looked at in `<state>/agent/update/ready`,
and nothing is ever written, deleted or opened as a database there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.client.appliance.release import current
from pi_auto.client.appliance.traces import CARD, STATE
from pi_auto.client.clock import boot_id
from pi_auto.client.switcher.services import Services, Systemd

READY = ("agent", "update", "ready")  # below <state>; the first of them is the agent's


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the switcher waits, in seconds."""

    deadline: float = 600.0  # for a release to show that it works
    stable: float = 60.0  # so long has it to work without a fault
    look: float = 2.0  # between two looks
    pause: float = 3.0  # of no scan, for capture to be restarted
    pause_bound: float = 60.0  # then it is restarted all the same: its devices are kept for it
    hand_over: float = 150.0  # for the next capture to take over from the one that runs
    turn: float = 300.0  # for an installer that is at work
    self_test: float = 180.0


def _nothing(_step: str) -> None:
    """What is done between two steps: tests have the power go there."""


@dataclass(frozen=True, slots=True)
class Site:
    """One machine."""

    root: Path = Path("/")
    services: Services = field(default_factory=Systemd)
    patience: Patience = field(default_factory=Patience)
    passed: Callable[[str], None] = _nothing
    boot: Callable[[], str] = boot_id
    owner: int = 0  # who alone may write what is believed

    @property
    def opt(self) -> Path:
        """Where releases live."""
        return self.root / "opt/pi-auto-client"

    @property
    def state(self) -> Path:
        """Where all of the client's programs keep things, each in a folder of its own."""
        return self.root / STATE

    @property
    def own(self) -> Path:
        """Root's alone."""
        return self.state / "update"

    @property
    def taken(self) -> Path:
        """The copies of what was handed over."""
        return self.own / "taken"

    @property
    def card(self) -> Path:
        """The fleet card's public part."""
        return self.root / CARD

    @property
    def told(self) -> Path:
        """What is told to the agent."""
        return self.state / "update-told"

    def running(self) -> Path | None:
        """The folder of the release that runs."""
        return current(self.opt)

    def make_folders(self) -> None:
        """Root's folder, and the one that others read. Raises OSError."""
        for folder, mode in ((self.own, 0o700), (self.told, 0o755)):
            folder.mkdir(mode=mode, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != self.owner:
                raise OSError(f"{folder} is not root's own folder")
            folder.chmod(mode)
