"""Goes back from a trial: restores what was kept before its first change, and starts it.

Every step may be done again after a power cut in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.overlay import Placed, place
from pi_auto.client.appliance.release import go_back, prune
from pi_auto.client.switcher.ending import end
from pi_auto.client.switcher.keeping import TREE, former_files, make_room
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.renewing import renew_capture, restart_agent
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import still_needed
from pi_auto.client.switcher.switching import units_come
from pi_auto.client.switcher.telling import tell
from pi_auto.client.switcher.trial import BLAMED, Trial, Why
from pi_auto.wire.update import ROLLED_BACK

_ONCE_MORE = (Why.DID_NOT_COME_UP, Why.NOT_TAKEN_OVER)
log = logging.getLogger("pi_auto.switcher")


def roll_back(site: Site, trial: Trial, *, starts: bool = True) -> None:
    """Put all back as it was, and start it unless it is about to start by itself.

    All of it is tried, whatever a full disk keeps from being done; then OSError is raised, the
    state stays, and the next run does it again.
    """
    make_room(site)
    way = _WayBack(site, trial, starts=starts)
    troubles = [error for work in way.steps() if (error := _tried(work))]
    if troubles:
        raise troubles[0]
    end(site)
    prune(site.opt, still_needed(site) if starts else ())  # at a boot nothing runs yet, and scanning waits
    site.passed("pruned")


class _WayBack:
    """The steps from a trial to what was before it, each of which may be done again."""

    def __init__(self, site: Site, trial: Trial, *, starts: bool) -> None:
        self._site, self._trial, self._starts = site, trial, starts
        self._changed = starts  # units, as far as systemd knows; a boot knows what was there when it began

    def steps(self) -> tuple[Callable[[], None], ...]:
        """In their order."""
        return self._write, self._blame, self._restore, self._switch, self._start, self._tell

    def _write(self) -> None:
        self._trial.keep(self._site.own)
        self._site.passed("going back")

    def _blame(self) -> None:
        _blame(self._site, self._trial)
        self._site.passed("blamed")

    def _restore(self) -> None:
        self._site.services.disable(units_come(self._site, self._trial))
        self._changed = _restore_files(self._site, self._trial) or self._changed
        self._site.passed("files restored")

    def _switch(self) -> None:
        opt, trial = self._site.opt, self._trial
        go_back(opt, opt / trial.former, opt / trial.previous if trial.previous else None)
        self._site.passed("switched back")

    def _start(self) -> None:
        if self._changed:
            with suppress(SetupFailed):
                self._site.services.reload()
        if self._starts:
            restart_agent(self._site, self._trial)
            renew_capture(self._site, self._trial, may_fail=False)
        self._site.passed("restarted")

    def _tell(self) -> None:
        site, trial = self._site, self._trial
        if trial.update_id:
            tell(site.told, trial.update_id, trial.version, ROLLED_BACK, trial.reason, owner=site.owner)
        site.passed("rollback told")


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
