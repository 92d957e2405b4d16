"""Has the capture of the release that `current` names take over from the one that runs, without a key being lost.

That one starts its successor, which is ready before it reads (client/capture/succession). Only where both
releases have systemd make the same process for it: what the unit says holds for the successor as well. Else, and
where it does not come about, capture is restarted.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pi_auto.client.switcher.errors import NotTakenOver
from pi_auto.client.switcher.likeness import processes_alike
from pi_auto.client.switcher.looking import Vain, capture_runs_from, handed_over_in_vain
from pi_auto.client.switcher.services import CAPTURE_UNIT
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import capture_works, surely

_MOST_TRIES = 3
log = logging.getLogger("pi_auto.switcher")


def handed_over(site: Site, one: Path, other: Path) -> bool:
    """Whether the capture of the current release reads now, without a gap; `one` and `other` are those concerned.

    Raises NotTakenOver if it has shown that it cannot. Then the one that ran still does.
    """
    wanted = site.running()
    if wanted is None or capture_runs_from(site) is None or not capture_works(site):
        return False
    if capture_runs_from(site) == wanted:
        return True
    return surely(processes_alike, one, other, "capture could be taken over") and _asked_for(site, wanted)


def _asked_for(site: Site, wanted: Path) -> bool:
    for _ in range(_MOST_TRIES):
        before = handed_over_in_vain(site).tries
        if not site.services.ask_to_hand_over(CAPTURE_UNIT):
            log.info("the capture that runs does not know how to hand over")
            return False
        vain = _awaited(site, wanted, before)
        if vain is None:
            log.info("capture of %s has taken over without a gap", wanted.name)
            return True
        log.warning("capture was not taken over: %s", vain.said)
        if vain.is_fault:
            raise NotTakenOver(vain.said)
        if vain.tries == before:
            return False
    return False


def _awaited(site: Site, wanted: Path, before: int) -> Vain | None:
    """Why it was in vain; None if it has come about."""
    deadline = time.monotonic() + site.patience.hand_over
    while capture_runs_from(site) != wanted:
        vain = handed_over_in_vain(site)
        if vain.tries > before:
            return vain
        if time.monotonic() > deadline:
            return Vain(before, f"nothing was heard of it for {site.patience.hand_over:.0f} s")
        time.sleep(site.patience.pause / 30)
    return None
