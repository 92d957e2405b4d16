"""Asks for an update in this device's rhythm, and at once when somebody wants it; has what is offered fetched.

The fetching takes minutes and is another process's work, which a thread waits for: meanwhile this errand is
never due, and all others are. It ends with the release handed over to root's switcher (docs/updates.md).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Throttled, Unauthorized, Unreachable
from pi_auto.client.agent.update import child
from pi_auto.client.agent.update.check import OFF, ask, outcome
from pi_auto.client.agent.update.job import (
    DOWNLOADING,
    FAILED,
    LATER,
    READY,
    REFUSED,
    UNAUTHORIZED,
    USELESS,
    VERIFIED,
    Job,
    News,
)
from pi_auto.client.agent.update.ledger import Ledger, latest
from pi_auto.client.agent.update.ready import handed_over, wake_switcher
from pi_auto.client.agent.update.rhythm import asked_pause, first_pause, next_pause
from pi_auto.client.agent.update.told import FINAL, NOT_NOW, root_told_in, told_in
from pi_auto.client.clock import boottime_ns
from pi_auto.version import __version__
from pi_auto.wire import update as steps
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.times import parse_time
from pi_auto.wire.update import NoUpdate, Offer

log = logging.getLogger("pi_auto.update")

_NEVER = float("inf")
_LONGEST_PAUSE = 3600.0  # seconds between tries, where the server is away
_LEAST = 5.0  # seconds between two questions, whoever is in a hurry
_ENOUGH = 2  # failures of one release, after which it is left alone for a day
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Means:
    """What updating needs besides the office: the `root` it trusts, and `runtime`, where the switcher is woken.

    `wake` makes the runner look again who is due; `words` is the fetcher's command line, if not the usual one.
    """

    ledger: Ledger
    root: str | None
    card: FleetCard | None
    runtime: Path | None
    wake: Callable[[], None]
    words: tuple[str, ...] | None = None


class Updating:
    """An errand. Times are time.monotonic."""

    def __init__(self, office: Office, means: Means) -> None:
        self._office, self._means = office, means
        self._folder = office.folder / "update"
        self._pauses = Backoff(office.rng, first=30.0, longest=_LONGEST_PAUSE)
        self._at = time.monotonic() + first_pause(
            self._device_id(), self._interval(), boottime_ns() / 1e9, time.time(), office.rng
        )
        self._asked_at = -_NEVER
        self._is_wanted = False  # by a person, or by the fleet
        self._looks = False  # whether it was the fleet's authority that was looked at last
        self._authority: str | None = None  # which is being fetched
        self._fetching: threading.Thread | None = None
        self._offer: Offer | None = None
        self._last: News | None = None
        self._go_on()

    def due(self) -> float:
        """When it is next asked for; at once when what was fetched is there, never while it is being fetched."""
        if self._fetching:
            return 0.0 if self._last else _NEVER
        is_lost = self._office.standing.given() is None or self._office.home.is_unknown
        return _NEVER if is_lost else max(self._at, self._asked_at + _LEAST)

    def hurry(self) -> None:
        """Somebody wants it now."""
        self._at, self._is_wanted = time.monotonic(), True

    def run(self) -> None:
        """Ask once, or see to what was fetched."""
        if self._fetching:
            self._fetched()
        elif given := self._office.standing.given():
            self._ask(given)

    def _go_on(self) -> None:
        """The power may have gone after the hand-over, and with it the word that wakes the switcher."""
        ready = handed_over(self._folder)
        told = [one.step for one in told_in(self._office.settings.state) if one.update_id == ready]
        if ready and not (told and told[-1] in FINAL):
            with suppress(OSError):
                wake_switcher(self._means.runtime)

    def _ask(self, given: RegistrationAnswer) -> None:
        self._asked_at = time.monotonic()
        self._next()
        try:
            answer = ask(self._office.api, given.device_id, given.api_token)
        except ApiError as error:
            self._not_told(error, given)
            return
        self._pauses.reset()
        self._office.standing.content("update")
        self._office.telling.reached("update")
        if answer.retry_after is not None:
            self._in(asked_pause(float(answer.retry_after), self._office.rng))
        self._answered(answer, given)
        self._is_wanted = False

    def _answered(self, answer: NoUpdate | Offer, given: RegistrationAnswer) -> None:
        root = self._means.root
        said = outcome(answer, trusts=root is not None)
        log.log(logging.WARNING if isinstance(answer, Offer) else logging.INFO, "%s", said)
        signed = answer.authority
        is_new = signed is not None and not self._means.ledger.is_done(self._mark(signed), signed)
        self._looks = is_new and not self._looks  # every other time: a release is to have its turn too
        if root is not None and self._looks:
            self._authority = signed
            self._begin(None, root, given)
            return
        if isinstance(answer, NoUpdate):
            self._tell(f"{said}{self._what_failed()}", ok=True)
        elif root is None:
            self._say(steps.REFUSED, answer, f"{NOT_NOW}{OFF}")
            self._tell(said, ok=False, version=answer.latest_version, step=steps.REFUSED)
        else:
            self._offered(answer, root, given, said)

    def _offered(self, offer: Offer, root: str, given: RegistrationAnswer, said: str) -> None:
        if why_not := self._obstacle(offer):
            self._tell(f"{said}: {why_not}", ok=True, version=offer.latest_version)
        elif why_not := self._failed_before(offer):
            self._say(steps.REFUSED, offer, why_not)  # or the roll-out would wait for a word, and call it silent
            self._tell(f"{said}: it was refused here: {why_not}", ok=True, version=offer.latest_version)
        elif handed_over(self._folder) == offer.update_id:
            self._wake_switcher(offer)
        else:
            self._say(steps.OFFERED, offer)
            self._tell(said, ok=True, version=offer.latest_version, step=steps.OFFERED, over=False)
            self._begin(offer, root, given)

    def _what_failed(self) -> str:
        """Of the last update, if it has: a person is to see it until another one has gone well."""
        step = latest(self._office.settings.state)
        if step is None or step.step not in (steps.REFUSED, steps.ROLLED_BACK):
            return ""
        return f"; {step.version} was {step.step.replace('_', ' ')}: {step.reason}"

    def _obstacle(self, offer: Offer) -> str:
        """Why it is not taken now, though nothing is wrong."""
        if offer.latest_version == __version__:
            return "it is the one that runs"
        told = told_in(self._office.settings.state)
        if told and told[-1].step == steps.TRIAL:
            return f"{told[-1].version} is on trial"
        return ""

    def _failed_before(self, offer: Offer) -> str:
        """Why it is refused: what root's switcher has told of it."""
        told = told_in(self._office.settings.state)
        ended = [one for one in told if one.update_id == offer.update_id and one.step in FINAL]
        if ended and ended[-1].step == steps.REFUSED and not ended[-1].reason.startswith(NOT_NOW):
            return ended[-1].reason
        failures = [one for one in ended if one.step == steps.ROLLED_BACK]
        last = parse_time(failures[-1].time) if failures else None
        is_fresh = last is not None and abs((datetime.now(UTC) - last).total_seconds()) < _DAY
        if len(failures) >= _ENOUGH and is_fresh and not self._is_wanted:
            often = f"it has failed here {len(failures)} times ({failures[-1].reason})"
            return f"{NOT_NOW}{often}, and is left alone for a day"
        return ""

    def _begin(self, offer: Offer | None, root: str, given: RegistrationAnswer) -> None:
        office = self._office
        card = self._means.card.to_json() if self._means.card else None
        job = Job(
            self._folder, office.home.endpoint(), root, given.api_token, offer,
            office.settings.update_bandwidth * 1000, card, None if offer else self._authority,
            root_told_in(office.settings.state),
        )  # fmt: skip
        self._offer, self._last = offer, None
        self._fetching = threading.Thread(target=self._fetch, args=(job,), name="update", daemon=True)
        self._fetching.start()

    def _fetch(self, job: Job) -> None:
        """In a thread of its own."""
        try:
            self._last = child.fetch(job, self._hear, self._means.words)
        except OSError as error:
            self._last = News(FAILED, kind=LATER, reason=f"the fetcher cannot be started: {error}")
        self._means.wake()

    def _hear(self, news: News) -> None:
        if (offer := self._offer) is None:
            return
        if news.step == DOWNLOADING:
            self._say(steps.DOWNLOADING, offer)
            if news.percent:
                self._means.ledger.progress(offer.update_id, offer.latest_version, news.percent)
            said = f"downloading {offer.latest_version}: {news.percent or 0} %"
            self._tell(said, ok=True, version=offer.latest_version, step=steps.DOWNLOADING, over=False)
        elif news.step == VERIFIED:
            self._say(steps.VERIFIED, offer)
            said = f"{offer.latest_version} is verified; {news.fetched} of {offer.update_size} bytes were fetched"
            log.info("%s", said)
            self._tell(said, ok=True, version=offer.latest_version, step=steps.VERIFIED, over=False)
        self._means.wake()

    def _fetched(self) -> None:
        last, offer, self._fetching = self._last, self._offer, None
        if offer is None and last:
            self._note_authority(last)
        if last is None or last.step != FAILED:
            self._pauses.reset()
            if last and last.step == READY:
                self._wake_switcher(offer)
            elif offer is None:
                self._at = time.monotonic()  # for the release that may be offered as well
            return
        version = offer.latest_version if offer else None
        what = f"update {version}" if offer else "the fleet's new authority"
        log.warning("%s is not taken: %s", what, last.reason)
        if last.kind == REFUSED and offer:
            self._say(steps.REFUSED, offer, last.reason)
        self._tell(f"{what} is not taken: {last.reason}", ok=False, version=version,
                   step=steps.REFUSED if last.kind in (REFUSED, USELESS) else None)  # fmt: skip
        if last.kind == UNAUTHORIZED and (given := self._office.standing.given()):
            self._office.standing.complain("update", given)
        if last.kind == LATER:
            self._in(self._pauses.next(last.retry_after))
        elif offer is None:
            self._at = time.monotonic()  # an authority that is of no use keeps no release away

    def _note_authority(self, last: News) -> None:
        """What is to be remembered of the fleet's authority, and told: it belongs to no roll-out."""
        ledger, signed = self._means.ledger, self._authority or ""
        has_failed = last.step == FAILED
        is_settled = last.step == VERIFIED or last.kind == USELESS
        with suppress(OSError):  # a full disk: it is looked at once more
            if last.step == READY or is_settled:
                ledger.note_authority(self._mark(signed), settled=is_settled)
            if is_settled or last.kind == REFUSED:
                step = steps.REFUSED if has_failed else steps.COMMITTED
                ledger.say(step, signed, __version__, last.reason, once=True)
        self._means.wake()

    def _mark(self, authority: str) -> str:
        """Of an authority, and the card that it would replace."""
        card = json.dumps(self._means.card.to_json() if self._means.card else None, sort_keys=True)
        return hashlib.sha256(f"{authority} {card}".encode()).hexdigest()

    def _wake_switcher(self, offer: Offer | None) -> None:
        what = f"{offer.latest_version} is handed over" if offer else "the fleet's new authority is handed over"
        version = offer.latest_version if offer else None
        try:
            is_woken = wake_switcher(self._means.runtime)
        except OSError as error:
            self._tell(f"{what}, and nobody can be told: {error}", ok=False, version=version)
            return
        if is_woken:
            self._tell(f"{what}, and is tried out next", ok=True, version=version, over=False)
        else:
            why = "nobody here installs it: it is not run by the installed services"
            self._tell(f"{what}, but {why}", ok=False, version=version)
        self._means.wake()

    def _not_told(self, error: ApiError, given: RegistrationAnswer) -> None:
        telling = self._office.telling
        log.warning("cannot ask for an update: %s", error)
        self._tell(f"cannot ask for an update: {error}", ok=False)
        if isinstance(error, Refused):  # which is an answer as well
            telling.reached("update")
        else:
            telling.failed("update", str(error))
        if isinstance(error, Unauthorized):
            self._office.standing.complain("update", given)
        if isinstance(error, (Garbled, Throttled, Unreachable)):
            self._in(self._pauses.next(error.retry_after))

    def _say(self, step: str, offer: Offer, reason: str = "") -> None:
        with suppress(OSError):  # a full disk: it is told from memory
            self._means.ledger.say(step, offer.update_id, offer.latest_version, reason)
        self._means.wake()

    def _tell(
        self, said: str, *, ok: bool, version: str | None = None, step: str | None = None, over: bool = True
    ) -> None:
        self._office.telling.update(ok=ok, said=said, version=version, step=step, over=over)

    def _next(self) -> None:
        self._in(next_pause(self._device_id(), self._interval(), time.time(), self._office.rng))

    def _in(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def _device_id(self) -> str:
        given = self._office.standing.given()
        return given.device_id if given else ""

    def _interval(self) -> float:
        given = self._office.standing.given()
        return float(self._office.settings.update_interval or (given.update_interval if given else 3600))
