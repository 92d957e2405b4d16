"""Watches a release that is tried out until it is committed or gone back from.

Nobody is kept away while it only watches: whoever ends the trial by hand is noticed at the next look.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from pi_auto.client.appliance.turns import alone
from pi_auto.client.clock import boottime_ns
from pi_auto.client.switcher.ending import commit
from pi_auto.client.switcher.going_back import roll_back
from pi_auto.client.switcher.judging import Before, Facts, Restarts, Ruling, Times, Verdict, faults_of, judge
from pi_auto.client.switcher.looking import look, reads_queue
from pi_auto.client.switcher.site import Site
from pi_auto.client.switcher.trial import Trial, Why, trial_in

log = logging.getLogger("pi_auto.switcher")
_NS = 1_000_000_000


class Watch:
    """Over one trial, in one boot."""

    def __init__(self, site: Site, trial: Trial) -> None:
        self._site, self._trial = site, trial
        self._before = Before(trial.opened, trial.reached)
        self._well_since = time.monotonic()
        self._restarts = 0
        self._recent = Restarts()
        self._read = False
        self._works_here = False
        self._lately = ""

    def run(self) -> None:
        """Until it has ended. Raises OSError and SetupFailed."""
        while True:
            time.sleep(self._site.patience.look)
            if trial_in(self._site.own, self._site.owner) != self._trial:
                return  # somebody has ended it by hand
            verdict = self._judged()
            if verdict.ruling is Ruling.WORKS_HERE:
                self._note_that_it_works_here()
            elif verdict.ruling is not Ruling.WAIT:
                self._conclude(verdict)
                return

    def _judged(self) -> Verdict:
        facts = look(self._site, self._trial.ran)
        patience = self._site.patience
        self._note_faults(facts)
        recent = self._recent.within(patience.deadline, time.monotonic(), facts.services)
        facts = replace(facts, services=recent)
        if not self._read and self._well_for() >= patience.stable:
            self._read = reads_queue(self._site)
            facts = replace(facts, read=self._read)
            if not self._read:
                self._begin_anew(faults_of(facts, self._before))
        facts = replace(facts, lately=self._lately)
        elapsed = (boottime_ns() - self._trial.began_ns) / _NS
        return judge(facts, self._before, Times(elapsed, self._well_for(), patience.deadline, patience.stable))

    def _note_faults(self, facts: Facts) -> None:
        restarts = sum(one.restarts for one in facts.services.values())
        faults = faults_of(facts, self._before)
        if faults or restarts != self._restarts:
            self._restarts = restarts
            self._begin_anew(faults)

    def _begin_anew(self, faults: list[str]) -> None:
        """It has not been well: from now on it has to be so for long enough."""
        self._lately = "; ".join(faults) or self._lately
        self._well_since, self._read = time.monotonic(), False

    def _well_for(self) -> float:
        return time.monotonic() - self._well_since

    def _note_that_it_works_here(self) -> None:
        """From here on a boot tells nothing against it: somebody switches the box off at night."""
        if self._works_here:
            return
        self._works_here = True
        self._trial = replace(self._trial, tries=0)
        self._trial.keep(self._site.own)
        log.info("update %s works here; server or hub is waited for", self._trial.version)

    def _conclude(self, verdict: Verdict) -> None:
        with alone(self._site.root, self._site.patience.turn):
            if trial_in(self._site.own, self._site.owner) != self._trial:
                return
            if verdict.ruling is Ruling.COMMIT:
                commit(self._site, self._trial)
            else:
                roll_back(self._site, self._trial.going_back(verdict.why or Why.HUNG, verdict.reason))
