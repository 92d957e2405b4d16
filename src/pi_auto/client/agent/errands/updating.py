"""Asks for an update in this device's rhythm, and at once when somebody wants it; has what is offered fetched.

The fetching takes minutes and is another process's work, which a thread waits for: meanwhile this errand is
never due, and all others are. It ends with the release handed over to root's switcher (docs/updates.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.authority import Authorities
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
from pi_auto.client.agent.update.verdict import failed_before, failure_of, obstacle
from pi_auto.client.clock import boottime_ns
from pi_auto.wire import update as steps
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.update import NoUpdate, Offer

log = logging.getLogger("pi_auto.update")

_NEVER = float("inf")
_LONGEST_PAUSE = 3600.0  # seconds between tries, where the server is away
_LEAST = 5.0  # seconds between two questions, whoever is in a hurry


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
        self._authorities = Authorities(means.ledger, means.card)
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
        is_new = signed is not None and self._authorities.is_new(signed)
        self._looks = is_new and not self._looks  # every other time: a release is to have its turn too
        if root is not None and self._looks:
            self._authority = signed
            self._begin(None, root, given)
            return
        if isinstance(answer, NoUpdate):
            self._tell(f"{said}{failure_of(latest(self._office.settings.state))}", ok=True)
        elif root is None:
            self._say(steps.REFUSED, answer, f"{NOT_NOW}{OFF}")
            self._tell(said, ok=False, version=answer.latest_version, step=steps.REFUSED)
        else:
            self._offered(answer, root, given, said)

    def _offered(self, offer: Offer, root: str, given: RegistrationAnswer, said: str) -> None:
        told = told_in(self._office.settings.state)
        if why_not := obstacle(offer, told):
            self._tell(f"{said}: {why_not}", ok=True, version=offer.latest_version)
        elif why_not := failed_before(offer, told, is_wanted=self._is_wanted):
            self._say(steps.REFUSED, offer, why_not)  # or the roll-out would wait for a word, and call it silent
            self._tell(f"{said}: it was refused here: {why_not}", ok=True, version=offer.latest_version)
        elif handed_over(self._folder) == offer.update_id:
            self._wake_switcher(offer)
        else:
            self._say(steps.OFFERED, offer)
            self._tell(said, ok=True, version=offer.latest_version, step=steps.OFFERED, over=False)
            self._begin(offer, root, given)

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
            self._authorities.note(self._authority or "", last)
            self._means.wake()
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
