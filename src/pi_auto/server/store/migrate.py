"""Brings the books to the schema of this code, in one transaction, at every start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text


class NewerBooks(Exception):  # noqa: N818 - it says what was found, and is always caught
    """The books carry a schema this code does not know."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, all or none. Raises NewerBooks for a schema from the future."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with connection.begin():
        found = _revision(connection)
        if found == scripts.get_current_head():
            return
        if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
            raise NewerBooks(found)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
