"""What every call with a device's token tells, whatever it is about: that the device is there, in which boot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from flask import Request
from sqlalchemy import Connection

from pi_auto.server.enrolment.clones import note_live
from pi_auto.server.fleet.contacts import note_contact
from pi_auto.wire.boot import HEADER, boot_in


@dataclass(frozen=True, slots=True)
class Sign:
    """Who called with a token, and from where; `boot` is not there from older devices."""

    device_id: str
    boot: str | None
    address: str

    @classmethod
    def of(cls, device_id: str, request: Request) -> Self:
        """That of a request whose token is the device's."""
        return cls(device_id, boot_in(request.headers.get(HEADER)), request.remote_addr or "")


def note_call(books: Connection, sign: Sign, heard_at: datetime) -> None:
    """Keep it, and look for signs of a second device with this key."""
    note_contact(books, sign.device_id, heard_at)
    if sign.boot:
        note_live(books, sign.device_id, sign.boot, heard_at, heard_at, sign.address)
