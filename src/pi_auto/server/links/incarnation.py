"""Whether the event hub behind a name is the one whose checkpoints are in the books, by the time it was made.

One that was made anew under its old name numbers its events from 0 again: by the old checkpoints
its first events would pass for booked ones. So they are forgotten, and it is read from its start.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete

from pi_auto.server.links.cursor import Cursor, move_cursor, read_cursor
from pi_auto.server.links.tables import eventhub_checkpoints
from pi_auto.wire.times import format_time

_log = logging.getLogger(__name__)


class ConsumerGroup(NamedTuple):
    """Who reads which event hub; the same names as in a Partition."""

    namespace: str
    eventhub: str
    consumer_group: str

    @property
    def source(self) -> str:
        """Its name in the table of cursors, which is shorter than it may be itself."""
        return f"eventhub:{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(self))}"


def note_incarnation(connection: Connection, group: ConsumerGroup, made_at: datetime) -> None:
    """The event hub was made then. Where another is known, its checkpoints go in this transaction."""
    made, known = format_time(made_at), read_cursor(connection, group.source).last
    if made == known:
        return
    if known:
        table = eventhub_checkpoints
        same = (table.c[name] == value for name, value in group._asdict().items())
        connection.execute(delete(table).where(*same))
        _log.warning(
            "the event hub %s was made at %s, not at %s: it is read from its start", group.eventhub, made, known
        )
    move_cursor(connection, group.source, Cursor(0, made))
