"""Who asks for something that only an administrator may: by the socket, or by a page with a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import Connection

from pi_auto.server.api.writing import committed
from pi_auto.server.audit.trail import Entry, note
from pi_auto.server.context import Context
from pi_auto.wire.fields import Fields

T = TypeVar("T")
Job = Callable[[Connection, datetime], T]
ADMIN = "admin"
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Administrator:
    """The audit trail names them as `by`, and where they asked from, if not on the server's own machine."""

    context: Context
    by: str = ADMIN
    address: str | None = None

    def do(self, job: Job[T]) -> T:
        """A job of the writer, committed."""
        now = self.context.clock()
        return committed(self.context, lambda books: job(books, now))

    def noted(
        self, action: str, subject: str, outcome: str, detail: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Add to the audit trail what is in the books nowhere else; of `detail` what is not empty."""
        told = {name: value for name, value in detail.items() if value}
        entry = Entry(self.by, action, subject, outcome, self.address, told)
        self.do(lambda books, now: note(books, entry, now))


def days_of(fields: Fields) -> timedelta:
    """How long something is to be good."""
    return timedelta(days=fields.integer("days", least=1, most=_MOST_DAYS))
