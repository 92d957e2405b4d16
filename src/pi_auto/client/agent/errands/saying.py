"""What is said of updates: to the fleet, step by step, and to the people at the device; and to root's switcher."""

from __future__ import annotations

from contextlib import suppress

from pi_auto.client.agent.errands.means import Means
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.update.ready import wake_switcher
from pi_auto.wire.update import Offer


class Saying:
    """For the errand that sees to updates, and its fetcher's thread."""

    def __init__(self, telling: Telling, means: Means) -> None:
        self._telling, self._means = telling, means

    def say(self, step: str, offer: Offer, reason: str = "") -> None:
        """To the fleet, with the next report."""
        with suppress(OSError):  # a full disk: it is told from memory
            self._means.ledger.say(step, offer.update_id, offer.latest_version, reason)
        self._means.wake()

    def progress(self, offer: Offer, percent: int) -> None:
        """How much of it is fetched by now."""
        self._means.ledger.progress(offer.update_id, offer.latest_version, percent)

    def tell(
        self, said: str, *, ok: bool, version: str | None = None, step: str | None = None, over: bool = True
    ) -> None:
        """To people; `over` unless there is more to come by itself."""
        self._telling.update(ok=ok, said=said, version=version, step=step, over=over)

    def wake_switcher(self, offer: Offer | None) -> None:
        """Have root's switcher look at what was handed over, and tell people of it."""
        what = f"{offer.latest_version} is handed over" if offer else "the fleet's new authority is handed over"
        version = offer.latest_version if offer else None
        try:
            is_woken = wake_switcher(self._means.runtime)
        except OSError as error:
            self.tell(f"{what}, and nobody can be told: {error}", ok=False, version=version)
            return
        if is_woken:
            self.tell(f"{what}, and is tried out next", ok=True, version=version, over=False)
        else:
            why = "nobody here installs it: it is not run by the installed services"
            self.tell(f"{what}, but {why}", ok=False, version=version)
        self._means.wake()
