"""The steps of a factory reset: afterwards this device is nobody's, and its card may be cloned or sold.

A mark in a folder of root's is written before the first step and removed after the last. While it
is there neither service starts, and the next boot finishes what a power cut has stopped: nobody ever
works with what is half erased. The order would be safe without it, too (docs/decisions/0010).
Files are deleted and not overwritten, which would be in vain on flash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pi_auto.client.appliance import machine, stillness, traces
from pi_auto.client.configuring import forget
from pi_auto.files import fsync_folder, write_whole

MARK = f"{traces.STATE}/factory-reset"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much goes, beyond what always does."""

    for_cloning: bool = False
    forget_server: bool = False

    def __or__(self, other: Extent) -> Extent:
        """Whatever goes with either."""
        return Extent(self.for_cloning or other.for_cloning, self.forget_server or other.forget_server)


@dataclass(frozen=True, slots=True)
class Reset:
    """One reset of what lies below `root`; where nothing runs, as in an `image`, nothing is stopped.

    With `goes_on` the services are about to start, as at boot, and only wait for its end: stopping them now would
    cancel that. Else the system is about to be powered off.
    Where `root` is not this system's own, links in it must be no one else's: enter an image by chroot.
    """

    extent: Extent
    root: Path = Path("/")
    image: bool = False
    goes_on: bool = False

    @property
    def mark(self) -> Path:
        """The file that says that a reset has begun, and of what extent."""
        return self.root / MARK

    def begun(self) -> Extent | None:
        """The extent of the reset that has begun here and has not finished; nothing if there is none."""
        try:
            told = json.loads(self.mark.read_bytes())
            return Extent(bool(told["for_cloning"]), bool(told["forget_server"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return Extent()  # it cannot be read, and still says that one has begun

    def begin(self) -> Reset:
        """From here on there is no way back; what goes on with the steps. Raises OSError."""
        whole = self.extent | (self.begun() or Extent())
        write_whole(self.mark, json.dumps(asdict(whole)))
        return replace(self, extent=whole)

    def run(self) -> None:
        """All steps. After a failure or a power cut, run again. Raises SetupFailed and OSError."""
        for step in self.steps():
            step()

    def steps(self) -> list[Callable[[], None]]:
        """What is done, in this order; each may be done again."""
        steps = [self.erase_scans, self.erase_identity, self.forget_settings, self.forget_networks]
        steps += [self.erase_what_is_left]
        steps += [self.erase_likeness] if self.extent.for_cloning else []
        steps += [self.erase_journal, self.make_folders, self.settle]
        return steps if self.image or self.goes_on else [self.still, *steps]

    def still(self) -> None:
        """Stop both services, also if somebody has started one since, and hush others."""
        stillness.stop_services()
        stillness.hush(self.root)

    def erase_scans(self) -> None:
        """The queue goes before the name that its scans were made under, and before the marks of delivery."""
        traces.erase(traces.found(self.root, [f"{traces.STATE}/capture"]))

    def erase_identity(self) -> None:
        """Identity, token, connection string, marks, and whatever else is kept, but for the mark of this reset."""
        everything = traces.found(self.root, [f"{traces.STATE}/*"])
        traces.erase(path for path in everything if path != self.mark)

    def forget_settings(self) -> None:
        """Which device it is, and if that is wanted whose: its server and its fleet."""
        if self.extent.forget_server:
            traces.erase(traces.found(self.root, [traces.CARD]))
        forget(self.root / traces.SETTINGS, server=self.extent.forget_server)

    def forget_networks(self) -> None:
        """The Wi-Fis."""
        traces.forget_wifis(self.root)

    def erase_what_is_left(self) -> None:
        """Backups, logs, pairings, leases."""
        traces.erase(traces.found(self.root, traces.LEFT_BEHIND))

    def erase_likeness(self) -> None:
        """What must not be the same in two copies of a card."""
        traces.erase(traces.found(self.root, traces.LIKENESS))
        traces.forget_machine_id(self.root)

    def erase_journal(self) -> None:
        """The whole journal, of every service: it has no way to remove one service's lines."""
        if not self.image:
            stillness.journal_to_memory()
        traces.erase(traces.found(self.root, traces.JOURNAL))
        if not self.image:
            stillness.begin_journal()

    def make_folders(self) -> None:
        """The empty folders and the log, for the next start."""
        machine.make_users_and_folders(self.root)

    def settle(self) -> None:
        """Once all of it is on the disk, and only then, the mark goes."""
        os.sync()
        if not self.image:
            stillness.give_back_blocks()
        self.mark.unlink(missing_ok=True)
        fsync_folder(self.mark.parent)
        if self.goes_on:
            stillness.journal_to_disk()
