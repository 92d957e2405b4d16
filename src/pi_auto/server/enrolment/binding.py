"""One-time codes for boxes without a card (wire/binding.py): made here, kept as SHA-256, good for minutes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.enrolment.tables import binding_codes
from pi_auto.server.fleet.claims import hash_secret
from pi_auto.wire.binding import SECRET_BYTES, BindingCode, secret_of
from pi_auto.wire.enrolment import SERIAL, SERIAL_ALLOWED
from pi_auto.wire.errors import FieldError, shown

LASTS = timedelta(minutes=15)
MOST = 100  # that are good at once


def make_code(connection: Connection, serial: str | None, by: str, now: datetime) -> str:
    """The secret of a code that lets one device in, of any serial or of this one. Raises FieldError."""
    if serial is not None and not SERIAL.match(serial):
        raise FieldError("serial", shown(serial), SERIAL_ALLOWED)
    connection.execute(delete(binding_codes).where(binding_codes.c.expires_at <= now))
    if (connection.execute(select(func.count()).select_from(binding_codes)).scalar() or 0) >= MOST:
        raise FieldError("codes", str(MOST), f"at most {MOST} at once; each is good for {LASTS}")
    secret = secret_of(os.urandom(SECRET_BYTES))
    hashed = hash_secret(BindingCode("", "", secret).shown_secret)
    row = {"hash": hashed, "serial": serial, "made_by": by, "made_at": now, "expires_at": now + LASTS}
    connection.execute(insert(binding_codes).values(row))
    note(connection, Entry(by, "code", serial or "any device", "made"), now)
    return secret
