"""Which reboots were made for the fleet, and how many more a day has room for; pure, but for the file they are in.

A Pi's clock may be wrong. How long ago a reboot was is told by the wall clock only where the network
had set it both times; else by how long the device has run since, which is never too much.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from pi_auto.client.clock import ClockReading
from pi_auto.files import write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import LARGEST_INTEGER, Fields
from pi_auto.wire.methods import MOST_REBOOTS

log = logging.getLogger("pi_auto.methods")

FILE = "reboots.json"
_DAY = 24 * 3600 * 10**9  # nanoseconds
_SECOND = 10**9


@dataclass(frozen=True, slots=True)
class Reboot:
    """The end of the boot `boot_id`, `uptime_ns` after its start, at `wall_ns` since 1970 if that was known."""

    boot_id: str
    uptime_ns: int
    wall_ns: int | None


Reboots = tuple[Reboot, ...]  # the oldest first


def noted(reboots: Reboots, now: ClockReading) -> Reboots:
    """The same with one more, made now; those that no longer count are left out by and by."""
    return (*reboots, Reboot(now.boot_id, now.boottime_ns, _wall(now)))[-MOST_REBOOTS:]


def left_in(reboots: Reboots, now: ClockReading) -> int:
    """How many more may be made now."""
    return MOST_REBOOTS - sum(age < _DAY for age in _ages(reboots, now))


def wait_of(reboots: Reboots, now: ClockReading) -> int:
    """Seconds until one more may be made, if the device runs on; 0 if one may be made now."""
    if left_in(reboots, now) > 0:
        return 0
    return -(-(_DAY - max(age for age in _ages(reboots, now) if age < _DAY)) // _SECOND)


def store_reboots(folder: Path, reboots: Reboots) -> None:
    """Keep them, durably. Raises OSError."""
    write_whole(folder / FILE, json.dumps({"reboots": [asdict(each) for each in reboots]}), mode=0o600)


def stored_reboots(folder: Path) -> Reboots:
    """What is kept; none, and a warning, where that cannot be read."""
    try:
        fields = Fields(json.loads((folder / FILE).read_bytes()))
        return tuple(_read(Fields(item, "reboots")) for item in fields.items("reboots", most=MOST_REBOOTS))
    except FileNotFoundError:
        return ()
    except (FieldError, OSError, ValueError, RecursionError) as error:
        log.warning("how often this device has rebooted cannot be read from %s: %s", folder / FILE, error)
        return ()


def _read(fields: Fields) -> Reboot:
    return Reboot(
        boot_id=fields.uuid("boot_id"),
        uptime_ns=fields.integer("uptime_ns"),
        wall_ns=fields.optional("wall_ns", lambda name: fields.integer(name, least=-LARGEST_INTEGER)),
    )


def _wall(now: ClockReading) -> int | None:
    return now.boottime_ns + now.offset_ns if now.synced else None


def _ages(reboots: Reboots, now: ClockReading) -> list[int]:
    """How long ago each was at least, in nanoseconds."""
    ran, ages = now.boottime_ns, list[int]()
    for reboot in reversed(reboots):
        if reboot.boot_id == now.boot_id:  # it is still to come, or has failed
            ran = now.boottime_ns - reboot.uptime_ns
        wall = _wall(now)
        apart = wall - reboot.wall_ns if wall is not None and reboot.wall_ns is not None else 0
        ages.append(max(ran, apart))
        ran += reboot.uptime_ns
    return ages[::-1]
