"""Keeps what contradicts the books, for a person to judge: other content under a uuid that is booked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert

from pi_auto.server.scans.tables import conflicts
from pi_auto.wire.scan import Record


def keep(
    connection: Connection, device_id: str, others: Iterable[tuple[bytes, Record]], way: str, now: datetime
) -> None:
    """Keep other versions of a record beside the settled one, each once."""
    for digest, record in others:
        row = {
            "device_id": device_id,
            "uuid": record.uuid,
            "way": way,
            "content": record.to_json(),
            "digest": digest,
            "received_at": now,
        }
        connection.execute(insert(conflicts).prefix_with("OR IGNORE", dialect="sqlite").values(row))
