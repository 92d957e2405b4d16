"""Reads a query: `SELECT [TOP n] … FROM devices [WHERE …] [GROUP BY …]`. Pure; errors name the place.

Recursive descent, one method a rule of Microsoft's grammar; conditions become functions at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pi_auto.hub.query import expressions
from pi_auto.hub.query.expressions import FUNCTIONS, Expression
from pi_auto.hub.query.lexer import QueryError, Token, tokens

MOST_DEPTH = 32  # brackets, NOTs and functions inside each other
MOST_DIGITS = 400  # of a number: more than any has
_KEYWORDS = ("SELECT", "FROM", "WHERE", "GROUP", "BY", "TOP", "AS", "AND", "OR", "NOT", "IN", "NIN")
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_AGGREGATES = ("COUNT", "AVG", "SUM", "MIN", "MAX")


@dataclass(frozen=True, slots=True)
class Column:
    """One of what is selected: an attribute, or an aggregate over one. `path` is empty for COUNT()."""

    name: str
    path: tuple[str, ...]
    aggregate: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that has been read. No columns means `*`."""

    columns: tuple[Column, ...]
    where: Expression | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    top: int | None = None

    @property
    def aggregates(self) -> bool:
        """Whether it answers with groups rather than devices."""
        return bool(self.groups) or any(column.aggregate for column in self.columns)


def parse(text: str) -> Query:
    """Read a query. Raises QueryError."""
    return _Parser(tokens(text)).query()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._at, self._depth = found, 0, 0
        self._names = {"c", "devices", _alias_in(found)}  # what an attribute may begin with

    def query(self) -> Query:
        self._expect("SELECT")
        top = self._whole_number() if self._accept("TOP") else None
        columns = () if self._accept("*") else self._columns()
        self._expect("FROM")
        if not self._accept("DEVICES"):
            raise self._wrong("devices: this hub has no other collection")
        self._alias()
        where = self._or() if self._accept("WHERE") else None
        groups = self._groups() if self._accept("GROUP") else ()
        if self._next.kind != "end":
            raise self._wrong("the end of the query")
        return self._checked(Query(columns, where, groups, top))

    def _checked(self, query: Query) -> Query:
        plain = [column.path for column in query.columns if not column.aggregate]
        if query.aggregates and (not query.columns or any(path not in query.groups for path in plain)):
            raise QueryError("with an aggregate or GROUP BY, every other column must stand in GROUP BY")
        return query

    def _columns(self) -> tuple[Column, ...]:
        found = [self._column()]
        while self._accept(","):
            found.append(self._column())
        return tuple(found)

    def _column(self) -> Column:
        if self._next.is_word(*_AGGREGATES) and self._tokens[self._at + 1].text == "(":
            aggregate = self._take().text.upper()
            self._expect("(")
            path = () if aggregate == "COUNT" else self._path()
            self._expect(")")
            default = aggregate.lower()
        else:
            aggregate, path = "", self._path()
            default = path[-1]
        return Column(self._identifier() if self._accept("AS") else default, path, aggregate)

    def _groups(self) -> tuple[tuple[str, ...], ...]:
        self._expect("BY")
        found = [self._path()]
        while self._accept(","):
            found.append(self._path())
        return tuple(found)

    def _or(self) -> Expression:
        sides = [self._and()]
        while self._accept("OR"):
            sides.append(self._and())
        return expressions.any_of(sides)

    def _and(self) -> Expression:
        sides = [self._not()]
        while self._accept("AND"):
            sides.append(self._not())
        return expressions.all_of(sides)

    def _not(self) -> Expression:
        with self._deeper():
            return expressions.negated(self._not()) if self._accept("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        if self._accept("("):
            inner = self._or()
            self._expect(")")
            return inner
        left = self._operand()
        if self._next.is_word("=", "!=", "<>", "<", "<=", ">", ">="):
            return expressions.compared(left, self._take().text, self._operand())
        if self._next.is_word("IN", "NIN"):
            inside = self._take().is_word("IN")
            return expressions.within(left, self._list(), inside=inside)
        return left

    def _list(self) -> list[Expression]:
        self._expect("[")
        found = [self._operand()]
        while self._accept(","):
            found.append(self._operand())
        self._expect("]")
        return found

    def _operand(self) -> Expression:
        token = self._next
        if token.kind == "number":
            if len(token.text) > MOST_DIGITS:
                raise self._wrong(f"a number of at most {MOST_DIGITS} digits")
            return expressions.constant(json.loads(_plain(self._take().text)))
        if token.kind == "text":
            return expressions.constant(_unquoted(self._take().text))
        if token.is_word(*_CONSTANTS):
            return expressions.constant(_CONSTANTS[self._take().text.upper()])
        if token.is_word(*FUNCTIONS) and self._tokens[self._at + 1].text == "(":
            with self._deeper():
                return self._call()
        return expressions.attribute(self._path())

    def _call(self) -> Expression:
        token = self._take()
        name = token.text.upper()
        self._expect("(")
        arguments = [self._operand()]
        while self._accept(","):
            arguments.append(self._operand())
        self._expect(")")
        if len(arguments) != FUNCTIONS[name][0]:
            raise QueryError(f"{token.shown()} takes {FUNCTIONS[name][0]} arguments, not {len(arguments)}")
        return expressions.called(name, arguments)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._wrong(f"fewer brackets, NOTs and functions inside each other: at most {MOST_DEPTH}")
        yield
        self._depth -= 1  # an error ends the reading

    def _path(self) -> tuple[str, ...]:
        """An attribute such as `tags.site`, `properties.reported.[[a b]]` or `c.deviceId` behind an alias `c`."""
        path = [self._identifier()]
        while self._accept("."):
            path.append(self._identifier())
        if len(path) > 1 and path[0].lower() in self._names:
            path = path[1:]
        return tuple(path)

    def _identifier(self) -> str:
        token = self._next
        if token.kind == "escaped":
            return self._take().text[2:-2]
        if token.kind != "name" or token.is_word(*_KEYWORDS):
            raise self._wrong("a name")
        return self._take().text

    def _alias(self) -> None:
        if self._accept("AS") or self._next.text.lower() == "c":
            self._identifier()

    def _whole_number(self) -> int:
        token = self._next
        if token.kind != "number" or not token.text.isdigit():
            raise self._wrong("a whole number")
        return int(self._take().text[:9])

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, word: str) -> bool:
        found = self._next.is_word(word)
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._wrong(word)

    def _wrong(self, wanted: str) -> QueryError:
        return QueryError(f"{self._next.shown()}; expected: {wanted}")


def _alias_in(found: list[Token]) -> str:
    """The name behind FROM devices AS, which the columns before it use already; empty if there is none."""
    for first, second, third, name in zip(found, found[1:], found[2:], found[3:], strict=False):
        if first.is_word("FROM") and second.is_word("DEVICES") and third.is_word("AS"):
            return name.text.lower()
    return ""


def _plain(number: str) -> str:
    """A number without the leading zeros that JSON does not take."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    return sign + (digits.lstrip("0") if digits.lstrip("0")[:1].isdigit() else "0" + digits.lstrip("0"))


def _unquoted(text: str) -> str:
    mark, inner = text[0], text[1:-1]
    return inner.replace(mark * 2, mark).replace(f"\\{mark}", mark).replace("\\\\", "\\")
