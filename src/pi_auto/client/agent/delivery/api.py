"""The worker that carries records to the server's API, batch by batch.

It has its own place in the spool and its own patience; the hub's troubles never reach it.
Nothing stops it for good: what the server will never take is set aside, all else is
tried again after a pause.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from random import Random

from pi_auto.client.agent.api import ServerApi
from pi_auto.client.agent.backoff import Backoff
from pi_auto.client.agent.delivery.lane import Lane
from pi_auto.client.agent.delivery.parcel import Parcel, SetAside, Settlement
from pi_auto.client.agent.enrolment.standing import Standing
from pi_auto.client.agent.errors import ApiError, Garbled, Refused, Unauthorized
from pi_auto.client.agent.telling import Telling
from pi_auto.client.agent.wakeups import Reason, Wakeups
from pi_auto.client.spool.errors import SpoolUnavailable
from pi_auto.wire.batch import MOST_RECORDS, Acknowledgement, Batch
from pi_auto.wire.errors import FieldError
from pi_auto.wire.registration import RegistrationAnswer

log = logging.getLogger("pi_auto.delivery.api")

LOOK = 5.0  # seconds between looks into the spool when no bell rings: a ring can be lost, a record cannot
_TOO_LARGE = 413
_WHO = "api"


class ApiDelivery:
    """Delivers along `lane`, as `device_id`, for as long as `wakeups` does not stop it.

    `all_sent` is called when something was sent, or at the start, and nothing is left.
    """

    def __init__(
        self,
        device_id: str,
        lane: Lane,
        api: ServerApi,
        standing: Standing,
        wakeups: Wakeups,
        rng: Random,
        telling: Telling,
        all_sent: Callable[[], None] = lambda: None,
    ) -> None:
        self._device_id, self._lane, self._api = device_id, lane, api
        self._standing, self._wakeups, self._telling = standing, wakeups, telling
        self._pauses = Backoff(rng)
        # Never reset: a server that asks for everything again and again gets it slower.
        self._rewinds = Backoff(rng)
        self._most = self._ceiling = MOST_RECORDS
        self._all_sent, self._told = all_sent, False

    def run(self) -> None:
        """Work until stopped."""
        while not self._wakeups.stopped:
            try:
                busy = self.deliver_next()
            except SpoolUnavailable as error:
                log.info("no spool to read barcodes from yet: %s", error)
                busy = False
            except (ApiError, sqlite3.Error) as error:  # the latter: no room for the marks
                self._pause(error)
                continue
            if not busy:
                self._tell_all_is_sent()
                self._wakeups.sleep(LOOK, Reason.RECORD | Reason.STANDING | Reason.NETWORK)
        self._api.close()
        self._lane.close()

    def _tell_all_is_sent(self) -> None:
        if not self._told:
            self._told = True
            self._all_sent()

    def deliver_next(self) -> bool:
        """Send what comes next; False when there was nothing to do. Raises ApiError, SpoolUnavailable."""
        given = self._standing.given()
        stretch = self._lane.ahead(self._most) if given else None
        if given is None or stretch is None or not stretch.items:
            return False
        parcel = Parcel.pack(stretch, self._most)
        try:
            answer = self._send(parcel.batch(self._device_id, self._lane.oldest()), given)
        except Refused as refusal:
            self._narrow(parcel, refusal, given)
        else:
            self._settle(parcel, answer)
            self._most = min(self._ceiling, self._most * 2)
        return True

    def _send(self, batch: Batch, given: RegistrationAnswer) -> Acknowledgement:
        try:
            answer = self._api.post("/api/scans", batch.to_json(), given.api_token)
            acknowledgement = Acknowledgement.from_json(answer)
        except Unauthorized:
            self._standing.complain(_WHO, given)
            raise
        except FieldError as error:
            raise Garbled(f"the acknowledgement: {error}") from None
        return acknowledgement

    def _settle(self, parcel: Parcel, answer: Acknowledgement) -> None:
        self._apply(parcel.settlement(answer))
        self._pauses.reset()
        self._standing.content(_WHO)
        self._telling.reached(_WHO)
        log.info(
            "barcodes delivered to the API: spool=%s numbers=%d-%d",
            parcel.spool,
            parcel.first,
            answer.settled.number,
        )
        if answer.flagged:
            log.warning(
                "the server knew %d barcodes with other content: %s", len(answer.flagged), answer.flagged[:5]
            )
        if answer.resend_from and self._lane.send_again(answer.resend_from, answer.settled):
            pause = self._rewinds.next()
            log.warning("the server asks for barcodes from %d again", answer.resend_from.number)
            self._wakeups.sleep(pause)

    def _apply(self, settlement: Settlement) -> None:
        for one in settlement.aside:
            log.error(
                "barcode set aside: number=%d uuid=%s reason=%s",
                one.item.position.number,
                one.item.uuid,
                one.reason,
            )
            self._lane.set_aside(one.item, one.reason)
        self._lane.settle(settlement.through)
        self._told = False

    def _narrow(self, parcel: Parcel, refusal: Refused, given: RegistrationAnswer) -> None:
        """The batch was refused whole: find the record at fault. Raises ApiError if it is none of them."""
        count = len(parcel.items)
        if count > 1:
            log.warning("a batch of %d barcodes was refused; trying half of it: %s", count, refusal)
            self._most = count // 2
            if refusal.status == _TOO_LARGE:
                self._ceiling = self._most
            return
        frame = self._send(parcel.frame(self._device_id, self._lane.oldest()), given)
        try:  # once more: what refused it may have been a proxy, and have passed
            answer = self._send(parcel.batch(self._device_id, self._lane.oldest()), given)
        except Refused as again:
            settlement = parcel.settlement(frame)
            self._apply(Settlement((*settlement.aside, SetAside(parcel.items[0], str(again))), settlement.through))
        else:
            self._settle(parcel, answer)

    def _pause(self, error: ApiError | sqlite3.Error) -> None:
        if isinstance(error, ApiError):
            self._telling.failed(_WHO, f"cannot deliver scans: {error}")
        pause = self._pauses.next(error.retry_after if isinstance(error, ApiError) else 0.0)
        log.warning("cannot deliver barcodes to the API, next try in %.1f s: %s", pause, error)
        if Reason.NETWORK in self._wakeups.sleep(pause, Reason.STANDING | Reason.NETWORK):
            self._pauses.reset()
