"""Devices with keys before the books of a server, without HTTP between them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, select

from pi_auto.server.enrolment.nonces import Nonces
from pi_auto.server.enrolment.renewing import renew
from pi_auto.server.enrolment.rules import Verdict
from pi_auto.server.enrolment.taking_in import Outcome, take_in
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.server.store.engine import Store, open_store
from pi_auto.server.store.writer import Writer
from pi_auto.wire.enrolment import Enrolment, Renewal
from pi_auto.wire.ids import device_id_from
from pi_auto.wire.keys import PublicKey
from pi_auto.wire.registration import Registration
from pi_auto.wire.verdicts import Refusing

T = TypeVar("T")
FLEET = "a1b2c3d4e5f6"
HERE = "192.168.7.20"


@dataclass
class Box:
    """A device: what it is, and the token it has last been given."""

    serial: str
    key: PublicKey
    device_id: str
    boot: str = field(default_factory=lambda: str(uuid.uuid4()))
    token: str | None = None

    def reboot(self) -> None:
        self.boot = str(uuid.uuid4())


@dataclass
class Desk:
    """The books, a clock, and what a device and an operator do with them."""

    store: Store
    writer: Writer
    now: datetime = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
    nonces: Nonces = field(default_factory=lambda: Nonces(secrets.token_bytes(32)))

    def do(self, job: Callable[[Connection], T]) -> T:
        """A job of the writer, committed."""
        return self.writer.submit(job).result(60)

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)

    def enrolment(self, box: Box, *, nonce: str | None = None, **shown: Any) -> Enrolment:
        """What the box signs now."""
        claim = shown.pop("claim", None)
        registration = Registration(box.device_id, self.now, {"hostname": "till"}, "2.0", claim=claim)
        shown = {"holds": hash_secret(box.token).hex() if box.token else None} | shown
        nonce = nonce or self.nonces.make(self.now)
        return Enrolment(FLEET, nonce, box.serial, box.key, box.boot, registration, **shown)

    def enrol(self, box: Box, *, address: str = HERE, nonce: str | None = None, **shown: Any) -> Outcome:
        """A signed request of the box, after its signature was found good."""
        outcome = self.take_in(self.enrolment(box, nonce=nonce, **shown), address)
        box.token = outcome.token or box.token
        return outcome

    def take_in(self, asked: Enrolment, address: str = HERE) -> Outcome:
        """The request arrives."""
        return self.do(lambda books: take_in(books, asked, address, self.now))

    def verdict(self, box: Box, **shown: Any) -> Verdict:
        return self.enrol(box, **shown).verdict

    def renew(self, box: Box, *, lost: bool = False, nonce: str | None = None) -> str | Refusing:
        """A renewal; the box does not get its answer where that is lost."""
        answer = self.take_renewal(box, self.renewal(box, nonce=nonce))
        if not lost and not isinstance(answer, Refusing):
            box.token = answer
        return answer

    def renewal(self, box: Box, *, nonce: str | None = None) -> Renewal:
        """What the box signs now."""
        holds = hash_secret(box.token).hex() if box.token else None
        return Renewal(FLEET, nonce or self.nonces.make(self.now), box.device_id, box.boot, holds)

    def take_renewal(self, box: Box, asked: Renewal) -> str | Refusing:
        """The request arrives."""
        return self.do(lambda books: renew(books, asked, box.key, HERE, self.now))

    def rows(self, table: Table) -> Sequence[Row[Any]]:
        with self.store.engine.connect() as connection:
            return connection.execute(select(table)).all()

    def reading(self, job: Callable[[Connection], T]) -> T:
        with self.store.engine.connect() as connection:
            return job(connection)


def box(serial: str = "100000001a2b3c4d", **changes: Any) -> Box:
    """A device with a key of its own: bytes that stand for one, since its signature is not looked at here."""
    return Box(serial, PublicKey(secrets.token_bytes(91)), device_id_from(serial), **changes)


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    store = open_store(folder)
    writer = Writer(store)
    try:
        yield Desk(store, writer)
    finally:
        writer.close()
        store.close()
