"""Reads the condition of a query, behind WHERE: a function of a device comes out. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from pi_auto.hub.query import expressions
from pi_auto.hub.query.cursor import Cursor
from pi_auto.hub.query.expressions import FUNCTIONS, Expression
from pi_auto.hub.query.lexer import QueryError

MOST_DEPTH = 32  # brackets, NOTs and functions inside each other
MOST_DIGITS = 400  # of a number: more than any has
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


class Conditions:
    """One method a rule of the grammar. Raises QueryError."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor, self._depth = cursor, 0

    def read(self) -> Expression:
        """One condition, with all that AND and OR put to it."""
        sides = [self._and()]
        while self._cursor.accept("OR"):
            sides.append(self._and())
        return expressions.any_of(sides)

    def _and(self) -> Expression:
        sides = [self._not()]
        while self._cursor.accept("AND"):
            sides.append(self._not())
        return expressions.all_of(sides)

    def _not(self) -> Expression:
        with self._deeper():
            return expressions.negated(self._not()) if self._cursor.accept("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        if self._cursor.accept("("):
            inner = self.read()
            self._cursor.expect(")")
            return inner
        left = self._operand()
        if self._cursor.next.is_word("=", "!=", "<>", "<", "<=", ">", ">="):
            return expressions.compared(left, self._cursor.take().text, self._operand())
        if self._cursor.next.is_word("IN", "NIN"):
            inside = self._cursor.take().is_word("IN")
            return expressions.within(left, self._list(), inside=inside)
        return left

    def _list(self) -> list[Expression]:
        self._cursor.expect("[")
        found = self._cursor.listed(self._operand)
        self._cursor.expect("]")
        return found

    def _operand(self) -> Expression:
        token = self._cursor.next
        if token.kind == "number":
            if len(token.text) > MOST_DIGITS:
                raise self._cursor.wrong(f"a number of at most {MOST_DIGITS} digits")
            return expressions.constant(json.loads(_plain(self._cursor.take().text)))
        if token.kind == "text":
            return expressions.constant(_unquoted(self._cursor.take().text))
        if token.is_word(*_CONSTANTS):
            return expressions.constant(_CONSTANTS[self._cursor.take().text.upper()])
        if self._cursor.calls(*FUNCTIONS):
            with self._deeper():
                return self._call()
        return expressions.attribute(self._cursor.path())

    def _call(self) -> Expression:
        token = self._cursor.take()
        name = token.text.upper()
        self._cursor.expect("(")
        arguments = self._cursor.listed(self._operand)
        self._cursor.expect(")")
        if len(arguments) != FUNCTIONS[name][0]:
            raise QueryError(f"{token.shown()} takes {FUNCTIONS[name][0]} arguments, not {len(arguments)}")
        return expressions.called(name, arguments)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._cursor.wrong(f"fewer brackets, NOTs and functions inside each other: at most {MOST_DEPTH}")
        yield
        self._depth -= 1  # an error ends the reading


def _plain(number: str) -> str:
    """A number without the leading zeros that JSON does not take."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    return sign + (digits.lstrip("0") if digits.lstrip("0")[:1].isdigit() else "0" + digits.lstrip("0"))


def _unquoted(text: str) -> str:
    mark, inner = text[0], text[1:-1]
    return inner.replace(mark * 2, mark).replace(f"\\{mark}", mark).replace("\\\\", "\\")
