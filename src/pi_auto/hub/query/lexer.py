"""The words of a query, each with its place; text goes in, tokens come out. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_TEXT = 8192  # characters of a query
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
    |(?P<escaped>\[\[[^\]]+\]\])
    |(?P<name>\$?[A-Za-z_][A-Za-z0-9_$-]*)
    |(?P<mark><>|!=|<=|>=|[=<>(),.*\[\]])
    )""",
    re.VERBOSE,
)


class QueryError(ValueError):
    """A query that cannot be understood; the text names the place, counted in characters from 1."""


class Token(NamedTuple):
    """A word of a query: its kind (number, text, escaped, name, mark or end), itself, and where it begins."""

    kind: str
    text: str
    place: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words or marks, in any case of letters."""
        return self.kind in ("name", "mark") and self.text.upper() in words

    def shown(self) -> str:
        """The token as an error names it."""
        return f"{self.text[:40]!r} at {self.place}" if self.text else f"the end at {self.place}"


def tokens(query: str) -> list[Token]:
    """All of them and one that marks the end. Raises QueryError."""
    if len(query) > MOST_TEXT:
        raise QueryError(f"a query of {len(query)} characters; at most {MOST_TEXT} are allowed")
    found, at, end = [], 0, len(query.rstrip())
    while at < end:
        match = _TOKEN.match(query, at)
        if match is None or match.lastgroup is None:
            raise QueryError(f"{query[at : at + 20].strip()!r} at {at + 1} is no part of a query")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        at = match.end()
    return [*found, Token("end", "", end + 1)]
