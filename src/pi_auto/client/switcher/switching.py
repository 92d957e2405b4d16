"""The changes of a trial: every one may be done again after a power cut in it.

State first, then system files, then the link, then the services. How each is undone stands in going_back.py.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from pi_auto.client.appliance.overlay import Placed, place
from pi_auto.client.appliance.release import point, switch
from pi_auto.client.clock import boottime_ns
from pi_auto.client.switcher.ending import JUDGE
from pi_auto.client.switcher.keeping import TREE, keep_former_files, started_at_boot
from pi_auto.client.switcher.ledger import ledger_in
from pi_auto.client.switcher.looking import look
from pi_auto.client.switcher.preparing import Ready
from pi_auto.client.switcher.renewing import renew_capture, restart_agent
from pi_auto.client.switcher.services import UNITS
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.telling import tell
from pi_auto.client.switcher.trial import Trial
from pi_auto.wire.update import TRIAL


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
    site.services.enable(units_come(site, trial))


def start(site: Site, trial: Trial) -> Trial:
    """Start what ran before: the agent, then capture, unless it is the same: it takes over from the one that runs.

    Where that cannot be it is restarted at a pause in scanning. Raises NotTakenOver, SetupFailed and OSError.
    """
    follow(site, trial)
    restart_agent(site, trial)
    ledger = ledger_in(site.own, trial.fleet, site.owner)
    renew_capture(site, trial, may_fail=trial.update_id not in ledger.fell)
    started = replace(trial, started=True, began_ns=boottime_ns())
    started.keep(site.own)
    site.passed("started")
    return started


def name_of(site: Site, folder: Path) -> str:
    """A release's folder as state and ledger name it."""
    return str(folder.relative_to(site.opt))


def units_come(site: Site, trial: Trial) -> list[str]:
    """Units started at boot that the former release has not."""
    return sorted(set(started_at_boot(site.opt / trial.new)) - set(started_at_boot(site.opt / trial.former)))


def _previous(site: Site) -> str | None:
    link = site.opt / "previous"
    return str(link.readlink()) if link.is_symlink() else None
