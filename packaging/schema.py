"""The schema of new books, as the migrations make it of nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlalchemy import create_engine, event

from pi_auto.server.store.migrate import run_migrations

SCHEMA = "src/pi_auto/server/store/schema.sql"
_HEAD = "-- What the migrations make of empty books; written by script/schema.\n"


def schema() -> str:
    """The statements of new books, those of tables before those that put rows into them."""
    driver = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: driver)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection, connection.begin():
        run_migrations(connection, None)
    found = _HEAD + "".join(f"{statement};\n" for statement in statements(driver))
    engine.dispose()
    return found


def statements(books: sqlite3.Connection) -> Iterator[str]:
    """What makes the books anew: tables and indices in the order they were made in, then their rows."""
    made = books.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    yield from (sql for (sql,) in made)
    yield from (line.rstrip(";") for line in books.iterdump() if line.startswith("INSERT INTO"))
