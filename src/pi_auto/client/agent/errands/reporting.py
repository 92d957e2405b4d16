"""Tells the server each step of an update, whoever took it: the agent's own, and those of root's switcher.

What could not be told is told later, over restarts too. The switcher's word is a file: it is looked at
only while an update is under way, seldom once that lasts long.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Unauthorized
from pi_auto.client.agent.update.ledger import Ledger
from pi_auto.client.agent.update.ready import handed_over, take_back
from pi_auto.client.agent.update.told import FINAL, Step, told_in
from pi_auto.wire.times import parse_time
from pi_auto.wire.update import DOWNLOADING, UpdateStatus, status_of

log = logging.getLogger("pi_auto.update")

PATH = "/api/ota/update_status"
_NEVER = float("inf")
_LOOK, _SELDOM = 5.0, 600.0  # seconds
_SOON = 3600.0  # seconds that an update may last and still be looked at often
_LONGEST_PAUSE = 600.0


class Reporting:
    """An errand. Times are time.monotonic."""

    def __init__(self, office: Office, ledger: Ledger) -> None:
        self._office, self._ledger = office, ledger
        self._folder = office.folder / "update"
        self._pauses = Backoff(office.rng, first=5.0, longest=_LONGEST_PAUSE)
        self._not_before = 0.0
        self._looked_at = -_NEVER
        self._under_way_since: float | None = None

    def due(self) -> float:
        """Now if there is something to tell; later, if an update is under way; else never."""
        if self._office.standing.given() is None or self._office.home.is_unknown:
            return _NEVER
        if self._ledger.untold() or self._ledger.progressed():
            return self._not_before
        if not self._is_under_way():
            self._under_way_since = None
            return _NEVER
        now = time.monotonic()
        self._under_way_since = self._under_way_since or now
        return self._looked_at + (_LOOK if now < self._under_way_since + _SOON else _SELDOM)

    def run(self) -> None:
        """Tell one thing."""
        self._looked_at = time.monotonic()
        step = self._ledger.untold()
        if step is None:
            self._tell_progress()
        elif self._is_told(step):
            self._pauses.reset()
            with suppress(OSError):  # it is told once more after the next start, at worst
                self._ledger.is_told(step)
            if step.number:
                self._show(step)

    def _is_told(self, step: Step) -> bool:
        """Whether this need not be told any more."""
        moment = parse_time(step.time)
        if moment is None:
            return True
        given = self._office.standing.given()
        if given is None:
            return False
        status = UpdateStatus(
            given.device_id, step.version, status_of(step.step), moment, step.step, step.update_id,
            0 if step.step == DOWNLOADING else None, step.reason or None,
        )  # fmt: skip
        try:
            self._office.api.post(PATH, status.to_json() | {"timestamp": step.time}, given.api_token)
        except (Refused, Garbled) as error:
            log.warning("the server does not take the step %s of update %s: %s", step.step, step.version, error)
            return isinstance(error, Refused) or self._waits(error)
        except ApiError as error:
            if isinstance(error, Unauthorized):
                self._office.standing.complain("update", given)
            return self._waits(error)
        return True

    def _waits(self, error: ApiError) -> bool:
        self._not_before = time.monotonic() + self._pauses.next(error.retry_after)
        return False

    def _tell_progress(self) -> None:
        """How far a download is, for who watches: not told again if that fails."""
        progress, given = self._ledger.take_progress(), self._office.standing.given()
        if progress is None or given is None:
            return
        step, percent = progress
        status = {"device_id": given.device_id, "version": step.version, "status": status_of(step.step)}
        more = {"step": step.step, "update_id": step.update_id, "percent": percent, "timestamp": step.time}
        with suppress(ApiError):
            self._office.api.post(PATH, status | more, given.api_token)

    def _show(self, step: Step) -> None:
        """On this device, and clear away what the switcher has done with."""
        if step.step in FINAL and handed_over(self._folder) == step.update_id:
            with suppress(OSError):
                take_back(self._folder)
        why = f": {step.reason}" if step.reason else ""
        said = f"update {step.version}: {step.step.replace('_', ' ')}{why}"
        is_well = status_of(step.step) != "failed"
        self._office.telling.update(
            ok=is_well, said=said, version=step.version, step=step.step, over=step.step in FINAL
        )

    def _is_under_way(self) -> bool:
        told = told_in(self._office.settings.state)
        return handed_over(self._folder) is not None or bool(told and told[-1].step not in FINAL)
