"""The changes of a trial, and how each is undone: every one may be done again after a power cut in it.

State first, then system files, then the link, then the services. Going back restores what was
kept before the first of them.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.overlay import Placed, place
from pi_auto.client.appliance.release import go_back, point, prune, switch
from pi_auto.client.clock import boottime_ns
from pi_auto.client.switcher import trial as trials
from pi_auto.client.switcher.errors import NotTakenOver
from pi_auto.client.switcher.handing_over import handed_over
from pi_auto.client.switcher.keeping import (
    TREE,
    forget_former_files,
    former_files,
    keep_former_files,
    make_room,
    started_at_boot,
)
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.looking import look, newest_stored
from pi_auto.client.switcher.preparing import Ready
from pi_auto.client.switcher.services import AGENT_UNIT, CAPTURE_UNIT, UNITS
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import capture_stays, still_needed
from pi_auto.client.switcher.telling import tell
from pi_auto.client.switcher.trial import BLAMED, Phase, Trial, Why
from pi_auto.wire.update import COMMITTED, ROLLED_BACK, TRIAL

_ONCE_MORE = (Why.DID_NOT_COME_UP, Why.NOT_TAKEN_OVER)
JUDGE = "judge"  # a link beside `current`: whose code judges; the launcher follows it
_LOOK = 0.02  # seconds
log = logging.getLogger("pi_auto.switcher")


def begin(site: Site, ready: Ready) -> Trial:
    """Write down that it is tried out, and all that going back needs. Raises OSError."""
    ran = tuple(unit for unit in UNITS if site.services.standing(unit).active)
    facts = look(site, ran)
    trial = Trial(
        id=secrets.token_hex(8),
        fleet=ready.authority.fleet,
        update_id=ready.digest,
        version=ready.release.version,
        counter=ready.release.counter,
        former=name_of(site, ready.former),
        new=name_of(site, ready.new),
        previous=_previous(site),
        ran=ran,
        reached=facts.reached,
        opened=facts.opened,
        boot=site.boot(),
        began_ns=boottime_ns(),
    )
    keep_former_files(site, ready.new, ready.former)
    site.passed("former files kept")
    point(site.opt, JUDGE, ready.former)
    site.passed("judge named")
    trial.keep(site.own)
    site.passed("trial written")
    return trial


def put_in_place(site: Site, trial: Trial) -> bool:
    """System files, users and folders, the link: from now on whatever starts is the new release.

    Whether any system file has changed. Raises OSError and SetupFailed.
    """
    new, former = site.opt / trial.new, site.opt / trial.former
    tell(site.told, trial.update_id, trial.version, TRIAL, owner=site.owner)
    site.passed("trial told")
    changed = place(new / TREE, site.root, Placed(), former / TREE)
    site.passed("system files placed")
    site.services.make_users_and_folders(site.root)
    site.passed("folders made")
    switch(site.opt, new)
    site.passed("switched")
    return changed


def follow(site: Site, trial: Trial, *, reads: bool = True) -> None:
    """Make the system follow the new files, which it `reads` again. Raises SetupFailed.

    It need not where it has booted with them. A board that is reset by reading them has them at its next boot.
    """
    if reads:
        site.services.reload()
    site.services.enable(_units_come(site, trial))


def start(site: Site, trial: Trial) -> Trial:
    """Start what ran before: the agent, then capture, unless it is the same: it takes over from the one that runs.

    Where that cannot be it is restarted at a pause in scanning. Raises NotTakenOver, SetupFailed and OSError.
    """
    follow(site, trial)
    _restart_agent(site, trial)
    ledger = ledger_in(site.own, trial.fleet, site.owner)
    _renew_capture(site, trial, may_fail=trial.update_id not in ledger.fell)
    started = replace(trial, started=True, began_ns=boottime_ns())
    started.keep(site.own)
    site.passed("started")
    return started


def commit(site: Site, trial: Trial) -> None:
    """It has shown that it works: the floor rises, and what only going back needs is removed. Raises OSError."""
    replace(trial, phase=Phase.COMMITTING).keep(site.own)
    site.passed("committing")
    ledger = ledger_in(site.own, trial.fleet, site.owner)
    ledger.committed(trial.update_id, trial.counter, trial.new).keep(site.own)
    site.passed("floor raised")
    tell(site.told, trial.update_id, trial.version, COMMITTED, owner=site.owner)
    site.passed("commit told")
    end(site)
    prune(site.opt, still_needed(site))
    site.passed("pruned")


def roll_back(site: Site, trial: Trial, *, starts: bool = True) -> None:
    """Put all back as it was, and start it unless it is about to start by itself.

    All of it is tried, whatever a full disk keeps from being done; then OSError is raised, the
    state stays, and the next run does it again.
    """
    make_room(site)
    troubles = [error for work in _way_back(site, trial, starts=starts) if (error := _tried(work))]
    if troubles:
        raise troubles[0]
    end(site)


def end(site: Site) -> None:
    """Nothing is tried out any more, and nothing is left of it. Raises OSError."""
    trials.end(site.own)
    site.passed("trial ended")
    tidy(site)


def tidy(site: Site) -> None:
    """Remove what a trial that has ended has left behind. Raises OSError."""
    point(site.opt, JUDGE, None)
    forget_former_files(site)


def name_of(site: Site, folder: Path) -> str:
    """A release's folder as state and ledger name it."""
    return str(folder.relative_to(site.opt))


def _way_back(site: Site, trial: Trial, *, starts: bool) -> list[Callable[[], None]]:
    def written() -> None:
        trial.keep(site.own)
        site.passed("going back")

    def blamed() -> None:
        _blame(site, trial)
        site.passed("blamed")

    changed = [starts]  # as far as systemd knows; a boot knows what was there when it began

    def restored() -> None:
        site.services.disable(_units_come(site, trial))
        changed.append(_restore_files(site, trial))
        site.passed("files restored")

    def switched() -> None:
        previous = site.opt / trial.previous if trial.previous else None
        go_back(site.opt, site.opt / trial.former, previous)
        site.passed("switched back")

    def started() -> None:
        if any(changed):
            with suppress(SetupFailed):
                site.services.reload()
        if starts:
            _restart_agent(site, trial)
            _renew_capture(site, trial, may_fail=False)
        site.passed("restarted")

    def told() -> None:
        if trial.update_id:
            tell(site.told, trial.update_id, trial.version, ROLLED_BACK, trial.reason, owner=site.owner)
        site.passed("rollback told")

    return [written, blamed, restored, switched, started, told]


def _tried(work: Callable[[], None]) -> OSError | None:
    try:
        work()
    except OSError as error:
        log.warning("going back: %s", error)
        return error
    return None


def _blame(site: Site, trial: Trial) -> None:
    """Never for what a server that was cut off, or a power cut, would look like as well."""
    ledger = ledger_in(site.own, trial.fleet, site.owner)
    again = ledger.fell.get(trial.update_id) not in (None, trial.id)
    if trial.why in _ONCE_MORE and not again:
        ledger.fallen(trial.update_id, trial.id).keep(site.own)
    elif trial.update_id and trial.why in (*BLAMED, *_ONCE_MORE, Why.BY_HAND):
        ledger.blamed(trial.update_id, trial.reason).keep(site.own)


def _restore_files(site: Site, trial: Trial) -> bool:
    """Whether any was not as it was before."""
    kept = former_files(site)
    if kept is not None:
        return kept.put_back()
    return place(site.opt / trial.former / TREE, site.root, Placed(), site.opt / trial.new / TREE)


def _units_come(site: Site, trial: Trial) -> list[str]:
    """Units started at boot that the former release has not."""
    return sorted(set(started_at_boot(site.opt / trial.new)) - set(started_at_boot(site.opt / trial.former)))


def _restart_agent(site: Site, trial: Trial) -> None:
    if AGENT_UNIT in trial.ran:
        site.services.restart(AGENT_UNIT)


def _renew_capture(site: Site, trial: Trial, *, may_fail: bool) -> None:
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


def _previous(site: Site) -> str | None:
    link = site.opt / "previous"
    return str(link.readlink()) if link.is_symlink() else None
