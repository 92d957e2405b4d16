"""What the units and a person start: take what was handed over, go on after a boot, go back by hand."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pi_auto.client.appliance.errors import SetupFailed
from pi_auto.client.appliance.turns import TRIAL, alone
from pi_auto.client.planted import Unsafe, remove_planted
from pi_auto.client.switcher import going_on, pacing
from pi_auto.client.switcher.ending import tidy
from pi_auto.client.switcher.errors import Refused, SelfTestFailed
from pi_auto.client.switcher.ledger import Ledger, ledger_in
from pi_auto.client.switcher.site import Patience, Site
from pi_auto.client.switcher.switching import begin
from pi_auto.client.switcher.taking import Request, Taken, handed_over, let_go, request_handed_over, take
from pi_auto.client.switcher.telling import tell
from pi_auto.client.switcher.trial import Trial, trial_in
from pi_auto.client.switcher.watching import Watch
from pi_auto.wire.errors import FieldError
from pi_auto.wire.release import AUTHORITY_TARGET
from pi_auto.wire.update import COMMITTED, REFUSED, VERIFIED

MARK = ("run/pi-auto-client", "update")  # the agent makes it, pi-auto-update.path waits for it
log = logging.getLogger("pi_auto.switcher")


def run_switcher(patience: Patience | None = None, *, boot: bool = False, rollback: bool = False) -> int:
    """The command; its exit code."""
    if os.geteuid() != 0:
        print("pi-auto-client: must be run by root: sudo pi-auto-client rollback", file=sys.stderr)
        return 1
    os.chdir("/")
    site = Site(patience=patience or Patience())
    if not site.state.is_dir():
        print(
            f"pi-auto-client switcher: the client is not installed here: {site.state} is missing", file=sys.stderr
        )
        return 1
    try:
        site.make_folders()
        if rollback:
            print(f"pi-auto-client rollback: {going_on.go_back_by_hand(site)}")
        elif boot:
            going_on.at_boot(site)
        else:
            update(site)
    except (SetupFailed, Refused, Unsafe, FieldError, OSError) as error:
        print(f"pi-auto-client switcher: {error}", file=sys.stderr)
        return 1
    return 0


def update(site: Site) -> None:
    """Go on with what is under way, then take what was handed over. Raises OSError and SetupFailed."""
    if not (site.root / TRIAL).exists():
        pacing.wait_for_turn(site)
    asked = _is_asked(site)
    remove_planted(site.root / MARK[0], MARK[1])  # first of all, or systemd would start this again and again
    try:
        done = going_on.go_on(site)
    except SetupFailed as error:
        if asked:
            _tell_refused(site, str(Refused(str(error), later=True)))
        raise
    if asked and handed_over(site) and not _was_done(site, done) and (trial := _taken_up(site)):
        Watch(site, trial).run()
        if site.running() == site.opt / trial.new:
            pacing.forgive(site)


def _is_asked(site: Site) -> bool:
    return os.path.lexists(site.root / MARK[0] / MARK[1])


def _was_done(site: Site, done: str | None) -> bool:
    """Whether what was handed over is what has just come to its end: the agent could not know that yet."""
    request = request_handed_over(site)
    return done is not None and request is not None and request.update_id == done


def _taken_up(site: Site) -> Trial | None:
    """The trial that has begun with what was handed over. Raises OSError and SetupFailed."""
    try:
        with alone(site.root, site.patience.turn):
            if trial_in(site.own, site.owner):
                return None
            tidy(site)
            try:
                return _tried_out(site)
            finally:
                let_go(site)
    except Refused as refusal:
        _tell_refused(site, str(refusal))
    except (SetupFailed, OSError, Unsafe, FieldError) as error:
        _tell_refused(site, str(Refused(str(error), later=True)))
    return None


def _tried_out(site: Site) -> Trial | None:
    from pi_auto.client.switcher import believing, preparing  # noqa: PLC0415 - python-tuf is costly

    authority = believing.authority_of(site)
    taken = _taken(site)
    site.passed("taken")
    believed = believing.believe(site, taken, authority, preparing.running_version(site))
    ledger = ledger_in(site.own, authority.fleet, site.owner)
    _tell(site, taken.request, VERIFIED)
    site.passed("believed")
    if taken.request.target == AUTHORITY_TARGET:
        from pi_auto.client.switcher.authority import take_over  # noqa: PLC0415 - seldom needed

        take_over(site, taken, believed, ledger)
        return None
    release = preparing.release_of(believed, taken)
    if _runs_already(site, believed.digest, ledger.digest, ledger.release):
        _tell(site, taken.request, COMMITTED)
        return None
    preparing.allow(site, release, believed, ledger)
    with _blamed(site, ledger, believed.digest):
        ready = preparing.make_ready(site, taken, release, authority)
    let_go(site)
    return going_on.try_out(site, begin(site, ready))


@contextmanager
def _blamed(site: Site, ledger: Ledger, digest: str) -> Iterator[None]:
    """A release that fails its self-test is not tried again."""
    try:
        yield
    except SelfTestFailed as failure:
        ledger.blamed(digest, str(failure)).keep(site.own)
        raise


def _taken(site: Site) -> Taken:
    """The copies. What is wrong with a hand-over tells nothing against the release: a disk may have spoiled it."""
    try:
        return take(site)
    except Refused as fault:
        raise Refused(str(fault), later=True) from None


def _runs_already(site: Site, digest: str, committed: str, release: str) -> bool:
    running = site.running()
    return digest == committed and running is not None and release == str(running.relative_to(site.opt))


def _tell_refused(site: Site, reason: str) -> None:
    log.warning("the update is not taken: %s", reason)
    if request := request_handed_over(site):
        _tell(site, request, REFUSED, reason)


def _tell(site: Site, request: Request, step: str, reason: str = "") -> None:
    tell(site.told, request.update_id, request.version, step, reason, owner=site.owner)
