"""Has a release, or the fleet's new authority, fetched by another process, for which a thread waits."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from pi_auto.client.agent.errands.means import Means
from pi_auto.client.agent.errands.office import Office
from pi_auto.client.agent.errands.saying import Saying
from pi_auto.client.agent.update import child
from pi_auto.client.agent.update.job import DOWNLOADING, FAILED, LATER, VERIFIED, Job, News
from pi_auto.client.agent.update.told import root_told_in
from pi_auto.frozen import frozen
from pi_auto.wire import update as steps
from pi_auto.wire.registration import RegistrationAnswer
from pi_auto.wire.update import Offer

log = logging.getLogger("pi_auto.update")


@frozen
class Fetched:
    """What was wanted, and the fetcher's last word, if it had any. Without an offer it was an `authority`."""

    offer: Offer | None
    authority: str | None
    last: News | None


class Fetching:
    """One at a time, into `folder`."""

    def __init__(self, office: Office, means: Means, saying: Saying, folder: Path) -> None:
        self._office, self._means, self._saying, self._folder = office, means, saying, folder
        self._thread: threading.Thread | None = None
        self._wanted = Fetched(None, None, None)
        self._last: News | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether one was begun, whose outcome nobody has taken yet."""
        return self._thread is not None

    @property
    def is_over(self) -> bool:
        """Whether the outcome can be taken."""
        return self._last is not None

    def begin(self, offer: Offer | None, authority: str | None, root: str, given: RegistrationAnswer) -> None:
        """Have it fetched. Raises Unreachable while the server has not been found."""
        office = self._office
        card = self._means.card.to_json() if self._means.card else None
        job = Job(
            self._folder, office.home.endpoint(), root, given.api_token, offer,
            office.settings.update_bandwidth * 1000, card, authority, root_told_in(office.settings.state),
        )  # fmt: skip
        self._wanted, self._last = Fetched(offer, authority, None), None
        thread = threading.Thread(target=self._fetch, args=(job,), name="update", daemon=True)
        thread.start()
        self._thread = thread

    def outcome(self) -> Fetched:
        """Of the one that is over; another one may begin then."""
        wanted, self._thread = self._wanted, None
        return Fetched(wanted.offer, wanted.authority, self._last)

    def _fetch(self, job: Job) -> None:
        """In a thread of its own."""
        try:
            self._last = child.fetch(job, self._hear, self._means.words)
        except (OSError, RuntimeError, MemoryError) as error:  # no room for a process, or for a thread
            self._last = News(FAILED, kind=LATER, reason=f"the fetcher cannot be started: {error}")
        self._means.wake()

    def _hear(self, news: News) -> None:
        if (offer := self._wanted.offer) is None:
            return
        if news.step == DOWNLOADING:
            self._downloading(offer, news.percent or 0)
        elif news.step == VERIFIED:
            self._saying.say(steps.VERIFIED, offer)
            said = f"{offer.latest_version} is verified; {news.fetched} of {offer.update_size} bytes were fetched"
            log.info("%s", said)
            self._saying.tell(said, ok=True, version=offer.latest_version, step=steps.VERIFIED, over=False)
        self._means.wake()

    def _downloading(self, offer: Offer, percent: int) -> None:
        self._saying.say(steps.DOWNLOADING, offer)
        if percent:
            self._saying.progress(offer, percent)
        said = f"downloading {offer.latest_version}: {percent} %"
        self._saying.tell(said, ok=True, version=offer.latest_version, step=steps.DOWNLOADING, over=False)
