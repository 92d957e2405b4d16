"""Takes the tokens of a query one by one, and names the place where another was expected. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pi_auto.hub.query.lexer import QueryError, Token

_KEYWORDS = ("SELECT", "FROM", "WHERE", "GROUP", "BY", "TOP", "AS", "AND", "OR", "NOT", "IN", "NIN")
_One = TypeVar("_One")


class Cursor:
    """A place among tokens. Whatever is not as expected raises QueryError."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._at = found, 0
        self._names = {"c", "devices", _alias_in(found)}  # what an attribute may begin with

    @property
    def next(self) -> Token:
        """The token that comes next, which stays."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The same, and go on behind it."""
        self._at += 1
        return self._tokens[self._at - 1]

    def calls(self, *names: str) -> bool:
        """Whether a function of one of these names is called here."""
        return self.next.is_word(*names) and self._tokens[self._at + 1].text == "("

    def accept(self, word: str) -> bool:
        """Go on behind this word or mark, if it comes next; whether it did."""
        found = self.next.is_word(word)
        self._at += found
        return found

    def expect(self, word: str) -> None:
        """Go on behind this word or mark, which has to come."""
        if not self.accept(word):
            raise self.wrong(word)

    def wrong(self, wanted: str) -> QueryError:
        """What to raise where something else comes next."""
        return QueryError(f"{self.next.shown()}; expected: {wanted}")

    def listed(self, read: Callable[[], _One]) -> list[_One]:
        """One or more of what `read` takes, with commas between them."""
        found = [read()]
        while self.accept(","):
            found.append(read())
        return found

    def path(self) -> tuple[str, ...]:
        """An attribute such as `tags.site`, `properties.reported.[[a b]]` or `c.deviceId` behind an alias `c`."""
        path = [self.identifier()]
        while self.accept("."):
            path.append(self.identifier())
        if len(path) > 1 and path[0].lower() in self._names:
            path = path[1:]
        return tuple(path)

    def identifier(self) -> str:
        """A name that is no keyword, or whatever stands in double brackets."""
        token = self.next
        if token.kind == "escaped":
            return self.take().text[2:-2]
        if token.kind != "name" or token.is_word(*_KEYWORDS):
            raise self.wrong("a name")
        return self.take().text


def _alias_in(found: list[Token]) -> str:
    """The name behind FROM devices AS, which the columns before it use already; empty if there is none."""
    for first, second, third, name in zip(found, found[1:], found[2:], found[3:], strict=False):
        if first.is_word("FROM") and second.is_word("DEVICES") and third.is_word("AS"):
            return name.text.lower()
    return ""
