"""Asks for an update in this device's rhythm, and at once when somebody wants it; has what is offered fetched.

The fetching takes minutes and is another process's work, which a thread waits for: meanwhile this errand is
never due, and all others are. It ends with the release handed over to root's switcher (docs/updates.md).
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.errands.authority import Authorities
from pi_auto.client.agent.errands.fetching import Fetched, Fetching
from pi_auto.client.agent.errands.means import Means
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errands.saying import Saying
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Throttled, Unauthorized, Unreachable
from pi_auto.client.agent.update.check import OFF, ask, outcome
from pi_auto.client.agent.update.job import FAILED, LATER, READY, REFUSED, UNAUTHORIZED, USELESS, News
from pi_auto.client.agent.update.ledger import latest
from pi_auto.client.agent.update.ready import handed_over, wake_switcher
from pi_auto.client.agent.update.rhythm import asked_pause, first_pause, next_pause
from pi_auto.client.agent.update.told import FINAL, NOT_NOW, told_in
from pi_auto.client.agent.update.verdict import failed_before, failure_of, obstacle
from pi_auto.client.clock import boottime_ns
from pi_auto.wire import update as steps
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.update import NoUpdate, Offer

log = logging.getLogger("pi_auto.update")

_NEVER = float("inf")
_LONGEST_PAUSE = 3600.0  # seconds between tries, where the server is away
_LEAST = 5.0  # seconds between two questions, whoever is in a hurry


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
        self._authorities = Authorities(means.ledger, means.card)
        self._saying = Saying(office.telling, means)
        self._fetching = Fetching(office, means, self._saying, self._folder)
        self._go_on()

    def due(self) -> float:
        """When it is next asked for; at once when what was fetched is there, never while it is being fetched."""
        if self._fetching.is_under_way:
            return 0.0 if self._fetching.is_over else _NEVER
        is_lost = self._office.standing.given() is None or self._office.home.is_unknown
        return _NEVER if is_lost else max(self._at, self._asked_at + _LEAST)

    def hurry(self) -> None:
        """Somebody wants it now."""
        self._at, self._is_wanted = time.monotonic(), True

    def run(self) -> None:
        """Ask once, or see to what was fetched."""
        if self._fetching.is_under_way:
            self._fetched(self._fetching.outcome())
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
            self._fetching.begin(None, signed, root, given)
            return
        if isinstance(answer, NoUpdate):
            self._saying.tell(f"{said}{failure_of(latest(self._office.settings.state))}", ok=True)
        elif root is None:
            self._saying.say(steps.REFUSED, answer, f"{NOT_NOW}{OFF}")
            self._saying.tell(said, ok=False, version=answer.latest_version, step=steps.REFUSED)
        else:
            self._offered(answer, root, given, said)

    def _offered(self, offer: Offer, root: str, given: RegistrationAnswer, said: str) -> None:
        told = told_in(self._office.settings.state)
        if why_not := obstacle(offer, told):
            self._saying.tell(f"{said}: {why_not}", ok=True, version=offer.latest_version)
        elif why_not := failed_before(offer, told, is_wanted=self._is_wanted):
            self._saying.say(
                steps.REFUSED, offer, why_not
            )  # or the roll-out would wait for a word, and call it silent
            self._saying.tell(f"{said}: it was refused here: {why_not}", ok=True, version=offer.latest_version)
        elif handed_over(self._folder) == offer.update_id:
            self._saying.wake_switcher(offer)
        else:
            self._saying.say(steps.OFFERED, offer)
            self._saying.tell(said, ok=True, version=offer.latest_version, step=steps.OFFERED, over=False)
            self._fetching.begin(offer, None, root, given)

    def _fetched(self, found: Fetched) -> None:
        offer, last = found.offer, found.last
        if offer is None and last:
            self._authorities.note(found.authority or "", last)
            self._means.wake()
        if last and last.step == FAILED:
            self._not_fetched(offer, last)
            return
        self._pauses.reset()
        if last and last.step == READY:
            self._saying.wake_switcher(offer)
        elif offer is None:
            self._at = time.monotonic()  # for the release that may be offered as well

    def _not_fetched(self, offer: Offer | None, last: News) -> None:
        version = offer.latest_version if offer else None
        what = f"update {version}" if offer else "the fleet's new authority"
        log.warning("%s is not taken: %s", what, last.reason)
        if last.kind == REFUSED and offer:
            self._saying.say(steps.REFUSED, offer, last.reason)
        step = steps.REFUSED if last.kind in (REFUSED, USELESS) else None
        self._saying.tell(f"{what} is not taken: {last.reason}", ok=False, version=version, step=step)
        if last.kind == UNAUTHORIZED and (given := self._office.standing.given()):
            self._office.standing.complain("update", given)
        if last.kind == LATER:
            self._in(self._pauses.next(last.retry_after))
        elif offer is None:
            self._at = time.monotonic()  # an authority that is of no use keeps no release away

    def _not_told(self, error: ApiError, given: RegistrationAnswer) -> None:
        telling = self._office.telling
        log.warning("cannot ask for an update: %s", error)
        self._saying.tell(f"cannot ask for an update: {error}", ok=False)
        if isinstance(error, Refused):  # which is an answer as well
            telling.reached("update")
        else:
            telling.failed("update", str(error))
        if isinstance(error, Unauthorized):
            self._office.standing.complain("update", given)
        if isinstance(error, (Garbled, Throttled, Unreachable)):
            self._in(self._pauses.next(error.retry_after))

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
