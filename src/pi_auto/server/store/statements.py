"""Plain SQL on the driver's own cursor, for the few statements that every scan passes through.

SQLAlchemy's way costs five to ten times what SQLite itself does, and all writes wait in one
line. A statement holds a `?` for each value and only what SQLite and PostgreSQL both
understand. It runs in its connection's transaction; its errors are SQLAlchemy's, so that
callers know one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

Values = Sequence[Any]


def first_row(connection: Connection, sql: str, values: Values) -> Any:
    """The first row that a query finds, as a tuple; None where it finds nothing."""
    return _run(connection, sql, values, many=False).fetchone()


def all_rows(connection: Connection, sql: str, values: Values = ()) -> list[Any]:
    """Every row that a query finds, as tuples."""
    return list(_run(connection, sql, values, many=False).fetchall())


def execute(connection: Connection, sql: str, values: Values = ()) -> int:
    """Run a statement; how many rows it has added or altered."""
    return int(_run(connection, sql, values, many=False).rowcount)


def execute_many(connection: Connection, sql: str, rows: Sequence[Values]) -> int:
    """Run a statement once for each row of values; how many rows that has added or altered altogether."""
    return int(_run(connection, sql, rows, many=True).rowcount)


def moments(dialect: Dialect) -> Callable[[datetime], Any]:
    """How a moment is handed to the driver: as the column kind `Moment` stores it."""
    return _text_in_utc if dialect.name == "sqlite" else _itself


def moment_in(value: Any) -> datetime | None:
    """A moment as the driver hands it out of a column of kind `Moment`."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _run(connection: Connection, sql: str, values: Any, *, many: bool) -> Any:
    dialect = connection.dialect
    try:
        cursor = connection.connection.cursor()
        (cursor.executemany if many else cursor.execute)(_spelt(sql, dialect.paramstyle), values)
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    return cursor


@cache
def _spelt(sql: str, paramstyle: str) -> str:
    return sql if paramstyle == "qmark" else sql.replace("?", "%s")


def _text_in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(" ", "microseconds").removesuffix("+00:00")


def _itself(moment: datetime) -> datetime:
    return moment
