"""Starts the services of the release that the link names: the agent anew, capture without a key lost."""

from __future__ import annotations

import time

from pi_auto.client.switcher.errors import NotTakenOver
from pi_auto.client.switcher.handing_over import handed_over
from pi_auto.client.switcher.looking import newest_stored
from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import capture_stays
from pi_auto.client.switcher.trial import Trial

_LOOK = 0.02  # seconds


def restart_agent(site: Site, trial: Trial) -> None:
    """Restart it, if it ran before. Raises SetupFailed."""
    if AGENT_UNIT in trial.ran:
        site.services.restart(AGENT_UNIT)


def renew_capture(site: Site, trial: Trial, *, may_fail: bool) -> None:
    """See to it that it is that of the current release. `may_fail`: raise NotTakenOver and leave it as it is.

    Else, and where it was so once with this archive, it is restarted: whoever runs must not keep its mending away.
    """
    former, new = site.opt / trial.former, site.opt / trial.new
    if CAPTURE_UNIT not in trial.ran or capture_stays(site, former, new):
        return
    try:
        if handed_over(site, former, new):
            return
    except NotTakenOver:
        if may_fail:
            raise
    _await_pause(site)
    site.services.restart(CAPTURE_UNIT)


def _await_pause(site: Site) -> None:
    """Wait until nothing was scanned for a moment; where that does not come, until just after a scan.

    What is typed while capture restarts waits in the kernel, which has room for less than one long code.
    """
    begun = since = time.monotonic()
    seen = newest_stored(site)
    while time.monotonic() - since < site.patience.pause and time.monotonic() - begun < site.patience.pause_bound:
        time.sleep(site.patience.pause / 8)
        if (now := newest_stored(site)) != seen:
            seen, since = now, time.monotonic()
    late = time.monotonic() + site.patience.pause
    while time.monotonic() - since < site.patience.pause and time.monotonic() < late:
        time.sleep(_LOOK)
        if newest_stored(site) != seen:
            return
