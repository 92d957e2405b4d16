"""Brings the books to the schema of this code, in one transaction, at every start.

Nearly every start finds that schema, or no books at all: for these schema.sql is enough, which holds what
the migrations make of nothing (`script/schema` writes it). Alembic is loaded for older books alone, since
that takes longer than all else here.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, text

_SCHEMA = Path(__file__).parent / "schema.sql"
_REVISION = re.compile(r"""INSERT INTO "?alembic_version"? VALUES\('(\w+)'\);""")


class NewerBooks(Exception):  # noqa: N818 - it says what was found, and is always caught
    """The books carry a schema this code does not know."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, all or none. Raises NewerBooks for a schema from the future."""
    schema = _SCHEMA.read_text(encoding="utf-8")
    with connection.begin():
        found = _revision(connection)
        if found is None and not _tables(connection):
            make(connection, schema)
        elif found != revision_of(schema):
            run_migrations(connection, found)


def make(connection: Connection, schema: str) -> None:
    """Run the statements of a schema, in the connection's transaction."""
    statement = ""
    for line in schema.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.exec_driver_sql(statement)
            statement = ""


def revision_of(schema: str) -> str:
    """The revision that a schema's books are of."""
    (found,) = _REVISION.findall(schema)
    return str(found)


def run_migrations(connection: Connection, found: str | None) -> None:
    """Go from the revision that was found, or from nothing, to the newest one, by Alembic."""
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise NewerBooks(found)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if "alembic_version" not in _tables(connection):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _tables(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
