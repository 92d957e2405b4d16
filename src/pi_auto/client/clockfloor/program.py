"""`pi-auto-client clock`: shows the floor; for root, raises the clock to it, or undoes a floor that was wrong."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from pi_auto.client.clock import clock_synced
from pi_auto.client.clockfloor.floor import built, forget_floor, told_floor
from pi_auto.client.clockfloor.raising import PROOF_FILE, Clock, Places, raise_clock
from pi_auto.client.planted import remove_planted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER = (
    "The floor is the build of this release again. It rises with the next time that the fleet signs, within a day "
    "or at the next start of the agent: put the server's clock right first. The clock of this device stays as it "
    "is; the network sets it, or: sudo timedatectl set-ntp false; sudo timedatectl set-time 'YYYY-MM-DD HH:MM:SS'"
)


def show(places: Places) -> int:
    """Print the clock and its floor; the exit code."""
    kept = told_floor(places.folder)
    by = "set by the network" if clock_synced() else "not set by the network"
    print(f"clock     {_told(datetime.now(UTC))}, {by}")
    print(f"built     {_told(built())}")
    print(f"signed    {_told(kept.time)} by fleet {kept.fleet_id}" if kept else "signed    nothing yet")
    print(f"floor     {_told(max(built(), kept.time) if kept else built())}")
    return 0


def raise_now(places: Places) -> int:
    """What the unit does; the exit code."""
    try:
        raise_clock(places, system_clock())
    except (OSError, OverflowError) as error:
        print(f"pi-auto-client clock: the clock cannot be set: {error}", file=sys.stderr)
        return 1
    return 0


def reset_floor(places: Places) -> int:
    """Undo what the fleet has signed: the floor, and the proof that would raise it again; the exit code."""
    try:
        remove_planted(places.agent, PROOF_FILE)
        forget_floor(places.folder)
    except OSError as error:
        print(f"pi-auto-client clock: {error.filename}: {error.strerror}; run it with sudo", file=sys.stderr)
        return 1
    print(_AFTER)
    return 0


def system_clock() -> Clock:
    """The one of this machine. Setting it takes CAP_SYS_TIME, and the kernel then calls it unset."""
    return Clock(lambda: datetime.now(UTC), clock_synced, _set)


def _set(moment: datetime) -> None:
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    time.clock_settime_ns(time.CLOCK_REALTIME, microseconds * 1000)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
