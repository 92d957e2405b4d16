"""Reads a query: `SELECT [TOP n] … FROM devices [WHERE …] [GROUP BY …]`. Pure; errors name the place.

Recursive descent, one method a rule of Microsoft's grammar; conditions become functions at once.
"""

from __future__ import annotations

from pi_auto.hub.query.conditions import Conditions
from pi_auto.hub.query.cursor import Cursor
from pi_auto.hub.query.lexer import QueryError, tokens
from pi_auto.hub.query.query import Column, Query

_AGGREGATES = ("COUNT", "AVG", "SUM", "MIN", "MAX")


def parse(text: str) -> Query:
    """Read a query. Raises QueryError."""
    return _Parser(Cursor(tokens(text))).query()


class _Parser:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def query(self) -> Query:
        self._cursor.expect("SELECT")
        top = self._whole_number() if self._cursor.accept("TOP") else None
        columns = () if self._cursor.accept("*") else self._columns()
        self._cursor.expect("FROM")
        if not self._cursor.accept("DEVICES"):
            raise self._cursor.wrong("devices: this hub has no other collection")
        self._alias()
        where = Conditions(self._cursor).read() if self._cursor.accept("WHERE") else None
        groups = self._groups() if self._cursor.accept("GROUP") else ()
        if self._cursor.next.kind != "end":
            raise self._cursor.wrong("the end of the query")
        return self._checked(Query(columns, where, groups, top))

    def _checked(self, query: Query) -> Query:
        plain = [column.path for column in query.columns if not column.aggregate]
        if query.aggregates and (not query.columns or any(path not in query.groups for path in plain)):
            raise QueryError("with an aggregate or GROUP BY, every other column must stand in GROUP BY")
        return query

    def _columns(self) -> tuple[Column, ...]:
        return tuple(self._cursor.listed(self._column))

    def _column(self) -> Column:
        if self._cursor.calls(*_AGGREGATES):
            aggregate = self._cursor.take().text.upper()
            self._cursor.expect("(")
            path = () if aggregate == "COUNT" else self._cursor.path()
            self._cursor.expect(")")
            default = aggregate.lower()
        else:
            aggregate, path = "", self._cursor.path()
            default = path[-1]
        return Column(self._cursor.identifier() if self._cursor.accept("AS") else default, path, aggregate)

    def _groups(self) -> tuple[tuple[str, ...], ...]:
        self._cursor.expect("BY")
        return tuple(self._cursor.listed(self._cursor.path))

    def _alias(self) -> None:
        if self._cursor.accept("AS") or self._cursor.next.text.lower() == "c":
            self._cursor.identifier()

    def _whole_number(self) -> int:
        token = self._cursor.next
        if token.kind != "number" or not token.text.isdigit():
            raise self._cursor.wrong("a whole number")
        return int(self._cursor.take().text[:9])
