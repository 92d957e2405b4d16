"""What has to be known, and agreed to by a person, before a factory reset begins. Changes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from pi_auto.client.appliance import machine
from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.reset import Extent
from pi_auto.wire.escape import printable

_COMMAND = "/usr/local/bin/pi-auto-client"  # drops to the agent's user before it opens anything


@dataclass(frozen=True, slots=True)
class Standing:
    """What this device says of itself: its id, and how many scans wait; None for what cannot be told."""

    device_id: str | None
    undelivered: int | None

    def refuse_to_lose(self) -> None:
        """Raise SetupFailed if scans would be lost."""
        if self.undelivered != 0:
            raise SetupFailed(
                f"{_number(self.undelivered)} have not been delivered; wait until they are "
                "(see: sudo pi-auto-client status), or delete them with --delete-undelivered"
            )


def standing() -> Standing:
    """As `pi-auto-client status` tells it."""
    try:
        told = json.loads(machine.may_fail(_COMMAND, "status", "--json"))
        waiting = told["undelivered"]
        return Standing(told["device_id"], None if waiting is None else int(waiting))
    except (ValueError, KeyError, TypeError):
        return Standing(None, None)


def ask(now: Standing, extent: Extent) -> None:
    """Have a person type that they mean it. Raises SetupFailed if they do not, or if there is no terminal."""
    if not sys.stdin.isatty():
        raise SetupFailed("nobody can be asked here; say --yes as well if you mean it")
    print(f"This erases for good: {', '.join(_goes(now, extent))}.")
    words = ["yes", *([now.device_id] if now.device_id else [])]
    print(f"Type {' or '.join(printable(word) for word in words)} to go on: ", end="", flush=True)
    if sys.stdin.readline().strip() not in words:
        raise SetupFailed("nothing was changed")


def _goes(now: Standing, extent: Extent) -> list[str]:
    scans = [] if now.undelivered == 0 else [f"{_number(now.undelivered)} THAT HAVE NOT BEEN DELIVERED"]
    server = ["which server and fleet it belongs to"] if extent.forget_server else []
    likeness = ["SSH host keys, machine id, random seed, shell histories"] if extent.for_cloning else []
    return [
        *scans, "the identity of this device and all that its server gave it", *server,
        "every Wi-Fi", "paired scanners", "backups", "logs, and the journal of all services", *likeness,
    ]  # fmt: skip


def _number(undelivered: int | None) -> str:
    return "an unknown number of scans" if undelivered is None else f"{undelivered} scans"
