"""Whether the capture that runs stays through a switch, and whose files it loads from then on.

A capture that stays belongs to the release it was started from: what it loads later comes from that
folder, which is kept for as long as it runs. It says itself which that is. A lie there keeps a
folder on the disk, or takes its own away from the liar; whether it stays is decided by the
releases, which are root's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pi_auto.client.switcher.likeness import captures_alike
from pi_auto.client.switcher.looking import capture_runs_from, look
from pi_auto.client.switcher.services import CAPTURE_UNIT
from pi_auto.client.switcher.site import Site

log = logging.getLogger("pi_auto.switcher")


def capture_stays(site: Site, one: Path, other: Path) -> bool:
    """Whether it works, has never been started again by itself, and is the same in both releases.

    With a restart behind it it would begin its trial with that on its account.
    """
    if not capture_works(site) or capture_runs_from(site) is None:
        return False
    stays = surely(captures_alike, one, other, "capture is the same")
    if stays:
        log.info("capture is the same in both releases and goes on scanning")
    return stays


def surely(alike: Callable[[Path, Path], bool], one: Path, other: Path, what: str) -> bool:
    """Whether two releases are `alike`, from which `what` follows; not where that cannot be told."""
    try:
        return alike(one, other)
    except OSError as error:
        log.warning("whether %s cannot be told: %s", what, error)
        return False


def capture_works(site: Site) -> bool:
    """Whether it does, and has never been started again by itself."""
    facts = look(site, [CAPTURE_UNIT])
    standing = facts.services[CAPTURE_UNIT]
    works = standing.active and not standing.restarts and facts.stored
    return bool(works and (facts.opened or not facts.troubles))


def still_needed(site: Site) -> list[Path]:
    """The releases that something runs from, whatever the links name: all of them where that cannot be told."""
    if not site.services.standing(CAPTURE_UNIT).active:
        return []
    folder = capture_runs_from(site)
    return [folder] if folder else list((site.opt / "releases").iterdir())
