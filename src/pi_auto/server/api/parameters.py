"""Reads a query string as strictly as a message: unknown and wrong parameters are refused by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from werkzeug.datastructures import MultiDict

from pi_auto.wire.errors import FieldError
from pi_auto.wire.fields import Fields


class Parameters:
    """The parameters of one request; an empty one counts as absent."""

    def __init__(self, query: MultiDict[str, str], known: Collection[str]) -> None:
        for name in query:
            if name not in known:
                raise FieldError(name, "an unknown parameter", "one of " + ", ".join(known))
        self._fields = Fields({name: query[name] for name in query if query[name]})

    def text(self, name: str, *, most: int) -> str | None:
        """A string of at most `most` characters."""
        return self._fields.optional(name, lambda n: self._fields.text(n, most=most))

    def required(self, name: str, *, most: int) -> str:
        """The same, which must be there."""
        return self._fields.text(name, most=most)

    def time(self, name: str) -> datetime | None:
        """A moment, written as RFC 3339."""
        return self._fields.optional(name, self._fields.time)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """One of a few words."""
        return self._fields.optional(name, lambda n: self._fields.choice(n, choices))

    def integer(self, name: str, *, most: int) -> int | None:
        """A whole number from 1 to `most`."""
        digits = self.text(name, most=64)
        if digits is None:
            return None
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
        if not 1 <= number <= most:
            raise self._fields.refuse(name, f"a whole number from 1 to {most}")
        return number
