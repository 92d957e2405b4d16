"""How often the switcher may start: a few times at once, then once in a while, whoever makes the mark how often.

The agent's user decides when it is started, and what it has to read then: up to a hundred megabytes
that it copies. systemd's own limit on starts would end the unit that waits for the mark, and with it
all updates until the next boot. So it starts whenever it is asked to, and sleeps until it is its turn:
all that is asked for meanwhile is one start. A trial that is under way is never waited with, and a
release that was committed gives all starts back.

What is remembered lies in /run, where it wears no disk, in seconds of CLOCK_BOOTTIME, which nobody sets.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from pi_auto.client.clock import boottime_ns
from pi_auto.client.planted import Unsafe, read_own
from pi_auto.client.switcher.site import Site
from pi_auto.files import write_whole

AT_ONCE = 6  # starts
_FILE = "run/pi-auto-switcher-starts"  # in root's folder; the agent's is another
_MOST = 64  # bytes
log = logging.getLogger("pi_auto.switcher")


def pause_before(paid_until: float, now: float, between: float) -> float:
    """Seconds until the next start's turn. `paid_until` is when all starts there are will be had again."""
    return min(between, max(0.0, paid_until - now - (AT_ONCE - 1) * between))


def wait_for_turn(site: Site) -> None:
    """Sleep until it is, and note that it was. Where that cannot be noted it sleeps for as long as ever."""
    between = site.patience.between
    pause = pause_before(_paid_until(site), _now(), between)
    if pause:
        log.warning("started again and again; what was handed over is looked at in %d s", pause)
        time.sleep(pause)
    try:
        _note(site, max(_paid_until(site), _now()) + between)
    except OSError as error:
        log.warning("how often this is started cannot be noted (%s); it waits for %d s", error, between)
        time.sleep(between)


def forgive(site: Site) -> None:
    """Something good has come of it."""
    (site.root / _FILE).unlink(missing_ok=True)


def _paid_until(site: Site) -> float:
    with suppress(OSError, Unsafe, ValueError):
        return float(read_own(site.root / _FILE, _MOST, site.owner) or 0)
    return 0.0


def _note(site: Site, paid_until: float) -> None:
    write_whole(site.root / _FILE, f"{paid_until:.3f}\n", mode=0o600, durable=False)


def _now() -> float:
    return boottime_ns() / 1e9
