"""The real server's app behind a small TLS server that loses answers: books change, and nobody hears of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from pi_auto.server.audit.tables import audit
from pi_auto.server.enrolment import granting
from pi_auto.server.enrolment.rules import Policy
from pi_auto.server.enrolment.tables import identities, pending
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.server_address import ServerAddress
from support.api import Api
from support.fleet_home import certificate_of
from support.fleet_peer import REGISTER, SCANS, UPDATES, FleetPeer

NONCE, RENEW, HEALTH = "/api/register_device/nonce", "/api/renew_token", "/api/health"
BY = "operator ann"


class FleetOffice:
    """`peer` is what devices speak to, once it is started; `api` holds the books."""

    def __init__(self, api: Api, folder: Path) -> None:
        assert api.context.fleet
        self.api, self.fleet = api, api.context.fleet
        self._one_at_a_time = Lock()  # Flask's client is for one thread
        # The books go by a clock of their own, devices by this machine's.
        self.fleet.renew_certificate(datetime.now(UTC), at_once=True)
        certificate = folder / "peer.pem"
        certificate.write_bytes(certificate_of(self.fleet))
        self.peer = FleetPeer(certificate=certificate)
        for path in (NONCE, REGISTER, RENEW, SCANS, HEALTH, UPDATES):
            self.peer.always[path] = self._pass_on

    @property
    def card(self) -> FleetCard:
        """The fleet's, with the peer's address."""
        return self.fleet.card((ServerAddress("127.0.0.1", self.peer.port),))

    def loses(self, path: str) -> None:
        """The next answer to `path` gets lost after the books have changed, and that to its repetition as well.

        A device asks again at once where a connection that it had used before ends (RFC 9112 9.3.1).
        """
        self.peer.fail(path, self._lose, self._lose)

    def approve(self) -> None:
        """Say yes to all that wait."""
        for one in self.api.rows(pending):
            self._do(partial(self._approve, one))

    def _approve(self, row: Any, books: Any) -> None:
        granting.approve(books, row.serial, row.fingerprint, BY, self._now())

    def set_policy(self, policy: Policy) -> None:
        self._do(lambda books: granting.set_policy(books, policy, BY, self._now()))

    def make_batch(self, most: int = 10) -> str:
        """A new batch token."""
        day = timedelta(days=1)
        return str(self._do(lambda books: granting.make_batch(books, "spring", most, day, BY, self._now())))

    def preauthorise(self, serial: str) -> str:
        """A one-time secret for this serial."""
        day = timedelta(days=1)
        return str(self._do(lambda books: granting.preauthorise(books, serial, None, day, BY, self._now())))

    def revoke(self, device_id: str) -> None:
        self._do(lambda books: granting.revoke(books, device_id, "stolen", BY, self._now()))

    def lift(self, device_id: str) -> None:
        self._do(lambda books: granting.lift(books, device_id, BY, self._now()))

    def alarms(self) -> list[Any]:
        """What the audit trail tells of clones."""
        return [row for row in self.api.rows(audit) if row.action == "clone"]

    def enrolled(self) -> list[Any]:
        return list(self.api.rows(identities))

    def _do(self, job: Any) -> Any:
        return self.api.context.writer.submit(job).result(10)

    def _now(self) -> Any:
        return self.api.clock.now

    def _pass_on(self, handler: Any, body: Any) -> None:
        handler.say(*self._ask(handler, body))

    def _lose(self, handler: Any, body: Any) -> None:
        self._ask(handler, body)
        handler.close_connection = True

    def _ask(self, handler: Any, body: Any) -> tuple[int, dict[str, Any]]:
        token = handler.token()
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        with self._one_at_a_time:
            answer = self.api.client.open(handler.path, method=handler.command, json=body, headers=bearer)
        told: dict[str, Any] = json.loads(answer.data)
        return answer.status_code, told
