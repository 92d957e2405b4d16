"""The floor as it is kept where only root can write: the latest time that the fleet of this device has signed.

It counts for that fleet alone: a device that is given to another one starts from its release's build.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pi_auto
from pi_auto.client.planted import Unsafe, read_own
from pi_auto.files import fsync_folder, write_whole
from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields
from pi_auto.wire.fleet_card import FLEET_ID
from pi_auto.wire.strict_json import read_strictly
from pi_auto.wire.times import format_time

FOLDER = "var/lib/pi-auto-client/clock"
FILE = "floor.json"
EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)  # no release of this code is older
_MOST = 1024  # bytes
_BUILT = Path(pi_auto.__file__).parents[1] / "appliance/built"  # seconds since 1970, by script/dist


@dataclass(frozen=True, slots=True)
class Floor:
    """`time` was signed by the fleet `fleet_id`."""

    time: datetime
    fleet_id: str


def kept_floor(folder: Path, owner: int = 0) -> Floor | None:
    """What is kept; nothing where there is nothing. Raises Unsafe, FieldError and OSError if it cannot be read."""
    octets = read_own(folder / FILE, _MOST, owner)
    if octets is None:
        return None
    fields = Fields(read_strictly(octets, "the floor", most=_MOST))
    return Floor(fields.time("time"), fields.text("fleet_id", most=32, form=FLEET_ID))


def told_floor(folder: Path, owner: int = 0) -> Floor | None:
    """The same for who only tells of it: nothing if it cannot be read, either."""
    try:
        return kept_floor(folder, owner)
    except (Unsafe, FieldError, OSError):
        return None


def least_time(folder: Path, fleet_id: str, owner: int = 0) -> datetime:
    """What time it is at least, for who may only read the floor of a device of that fleet."""
    kept = told_floor(folder, owner)
    return max(built(), kept.time) if kept and kept.fleet_id == fleet_id else built()


def keep_floor(folder: Path, floor: Floor) -> None:
    """Keep it, durably. Raises OSError."""
    content = {"time": format_time(floor.time), "fleet_id": floor.fleet_id}
    write_whole(folder / FILE, json.dumps(content) + "\n", mode=0o644)


def forget_floor(folder: Path) -> None:
    """From now on only this release's build counts. Raises OSError."""
    (folder / FILE).unlink(missing_ok=True)
    if folder.is_dir():
        fsync_folder(folder)


def built(file: Path = _BUILT) -> datetime:
    """When this release was built, as far as it says so."""
    try:
        return max(EARLIEST, datetime.fromtimestamp(int(file.read_bytes()[:20]), UTC))
    except (OSError, ValueError, OverflowError):
        return EARLIEST
