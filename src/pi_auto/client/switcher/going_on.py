"""Brings an update that is under way to its end: in the same boot, after a power cut, or by hand."""

from __future__ import annotations

import secrets
from dataclasses import replace

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.turns import alone
from pi_auto.client.clock import boottime_ns
from pi_auto.client.switcher.ending import commit, tidy
from pi_auto.client.switcher.errors import NotTakenOver
from pi_auto.client.switcher.going_back import roll_back
from pi_auto.client.switcher.ledger import Ledger, ledger_in
from pi_auto.client.switcher.preparing import fleet_of, running_version, try_release
from pi_auto.client.switcher.services import UNITS
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.switching import follow, name_of, put_in_place, start
from pi_auto.client.switcher.trial import MOST_TRIES, Phase, Trial, Why, trial_in
from pi_auto.client.switcher.watching import Watch

_BY_HAND = "it was gone back from by hand"


def go_on(site: Site) -> str | None:
    """Bring what is under way to its end; its update id, if anything was. Raises OSError and SetupFailed."""
    with alone(site.root, site.patience.turn):
        found = trial_in(site.own, site.owner)
        trial = _resumed(site, found) if found else None
        if not found:
            tidy(site)
    if trial:
        Watch(site, trial).run()
    return found.update_id if found else None


def at_boot(site: Site) -> None:
    """Before anything of ours starts: count the try, and see to it that the right release starts.

    Raises OSError and SetupFailed.
    """
    with alone(site.root, site.patience.turn):
        trial = trial_in(site.own, site.owner)
        if trial is None or trial.boot == site.boot():
            return
        was_started, trial = trial.started, trial.next_boot(site.boot(), boottime_ns())
        trial.keep(site.own)
        site.passed("try counted")
        if trial.phase is Phase.TRIAL and trial.tries >= MOST_TRIES:
            trial = trial.going_back(Why.DID_NOT_COME_UP, f"it did not come to work in {MOST_TRIES} starts")
        if trial.phase is Phase.COMMITTING:
            commit(site, trial)
        elif trial.phase is Phase.GOING_BACK:
            roll_back(site, trial, starts=False)
        else:
            _put_in_place_at_boot(site, trial, was_started=was_started)


def try_out(site: Site, trial: Trial) -> Trial | None:
    """Switch to it; nothing where that failed and all is as before. Raises OSError."""
    try:
        put_in_place(site, trial)
        return trial if trial.started else start(site, trial)
    except NotTakenOver as error:
        said = f"its capture could not take over, and the one before went on: {error}"
        roll_back(site, trial.going_back(Why.NOT_TAKEN_OVER, said))
    except (SetupFailed, OSError) as error:
        roll_back(site, trial.going_back(Why.FAILED, f"it could not be put in its place: {error}"))
    return None


def go_back_by_hand(site: Site) -> str:
    """Go back to the release before, trial or not; a sentence for a person. Raises SetupFailed and OSError."""
    with alone(site.root, site.patience.turn):
        trial = trial_in(site.own, site.owner)
        if trial is None:
            tidy(site)
            trial = _to_previous(site)
        if trial.phase is Phase.TRIAL:
            trial = trial.going_back(Why.BY_HAND, _BY_HAND)
        roll_back(site, trial)
    return f"version {running_version(site)} runs again"


def _resumed(site: Site, trial: Trial) -> Trial | None:
    """The trial to be watched, with everything done that comes before."""
    if trial.phase is Phase.COMMITTING:
        commit(site, trial)
        return None
    if trial.phase is Phase.GOING_BACK:
        roll_back(site, trial)
        return None
    return try_out(site, trial)


def _put_in_place_at_boot(site: Site, trial: Trial, *, was_started: bool) -> None:
    """Services start after this, of the release that the link names then."""
    try:
        changed = put_in_place(site, trial)
        if changed or not was_started:
            follow(site, trial, reads=changed)
        replace(trial, started=True, began_ns=boottime_ns()).keep(site.own)
    except (SetupFailed, OSError) as error:
        failed = trial.going_back(Why.FAILED, f"it could not be put in its place: {error}")
        roll_back(site, failed, starts=False)


def _to_previous(site: Site) -> Trial:
    """A trial of what runs that is over: the way back is the same."""
    running, link = site.running(), site.opt / "previous"
    if running is None or not link.is_symlink() or not (site.opt / link.readlink()).is_dir():
        raise SetupFailed("there is no release before this one to go back to")
    try_release(site, site.opt / link.readlink())
    ledger = ledger_in(site.own, fleet_of(site), site.owner)
    return Trial(
        id=secrets.token_hex(8),
        fleet=ledger.fleet,
        update_id=_digest_of(ledger, name_of(site, running)),
        version=running_version(site) or running.name,
        counter=ledger.floor,
        former=str(link.readlink()),
        new=name_of(site, running),
        previous=name_of(site, running),
        ran=tuple(unit for unit in UNITS if site.services.standing(unit).active) or UNITS,
        reached=False,
        opened=0,
        boot=site.boot(),
        began_ns=boottime_ns(),
        phase=Phase.GOING_BACK,
        why=Why.BY_HAND,
        reason=_BY_HAND,
    )


def _digest_of(ledger: Ledger, running: str) -> str:
    """The archive that the running release came from, if it came as an update."""
    return ledger.digest if ledger.release == running else ""
