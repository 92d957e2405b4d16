"""Ends a trial: what only it needed is removed. A release that has shown that it works is committed."""

from __future__ import annotations

from dataclasses import replace

from pi_auto.client.appliance.release import point, prune
from pi_auto.client.switcher import trial as trials
from pi_auto.client.switcher.keeping import forget_former_files
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.staying import still_needed
from pi_auto.client.switcher.telling import tell, tell_counter
from pi_auto.client.switcher.trial import Phase, Trial
from pi_auto.wire.update import COMMITTED

JUDGE = "judge"  # a link beside `current`: whose code judges; the launcher follows it


def commit(site: Site, trial: Trial) -> None:
    """It has shown that it works: the floor rises, and what only going back needs is removed. Raises OSError."""
    replace(trial, phase=Phase.COMMITTING).keep(site.own)
    site.passed("committing")
    ledger = ledger_in(site.own, trial.fleet, site.owner).committed(trial.update_id, trial.counter, trial.new)
    ledger.keep(site.own)
    site.passed("floor raised")
    tell_counter(site.told, ledger.floor, owner=site.owner)
    tell(site.told, trial.update_id, trial.version, COMMITTED, owner=site.owner)
    site.passed("commit told")
    end(site)
    prune(site.opt, still_needed(site))
    site.passed("pruned")


def end(site: Site) -> None:
    """Nothing is tried out any more, and nothing is left of it. Raises OSError."""
    trials.end(site.own)
    site.passed("trial ended")
    tidy(site)


def tidy(site: Site) -> None:
    """Remove what a trial that has ended has left behind. Raises OSError."""
    point(site.opt, JUDGE, None)
    forget_former_files(site)
