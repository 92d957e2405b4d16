"""New books are made of schema.sql, older ones by the migrations: both come to the same."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from pi_auto.server.store.engine import BOOKS, StoreError, open_store
from pi_auto.server.store.migrate import run_migrations
from schema import SCHEMA, schema

ROOT = Path(__file__).parents[3]


def dump(path: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    books = sqlite3.connect(path)
    try:
        made = books.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return made, list(books.iterdump())
    finally:
        books.close()


def migrated_by_alembic(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        run_migrations(connection, None)
    engine.dispose()


def test_the_schema_is_what_the_migrations_make() -> None:
    assert (ROOT / SCHEMA).read_text(encoding="utf-8") == schema(), "run script/schema, and commit what it writes"


def test_new_books_are_to_the_last_word_those_that_the_migrations_make(tmp_path: Path) -> None:
    open_store(tmp_path / "new").close()
    migrated_by_alembic(tmp_path / "migrated.sqlite")
    assert dump(tmp_path / "new" / BOOKS) == dump(tmp_path / "migrated.sqlite")


def test_books_that_are_new_or_of_this_schema_need_no_alembic(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pi_auto.server.store.engine import open_store\n"
        "for _ in range(2): open_store(Path(sys.argv[1])).close()\n"
        "assert not [name for name in sys.modules if name.startswith('alembic')]"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def test_a_kill_while_they_are_made_leaves_nothing_and_the_next_start_makes_them(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from sqlalchemy import Engine, event\n"
        "from pi_auto.server.store.engine import open_store\n"
        "def kill(connection, cursor, statement, *_):\n"
        "    if 'ix_scans' in statement: os.kill(os.getpid(), signal.SIGKILL)\n"
        "event.listen(Engine, 'before_cursor_execute', kill)\n"
        "open_store(Path(sys.argv[1]))"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert dump(tmp_path / BOOKS)[0] == []
    open_store(tmp_path).close()
    assert dump(tmp_path / BOOKS)[0]


def test_somebody_elses_database_is_not_taken_for_empty_books(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / BOOKS)
    other.execute("CREATE TABLE devices (device_id TEXT)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="devices"):
        open_store(tmp_path)
    assert [name for _, name, *_ in dump(tmp_path / BOOKS)[0]] == ["devices"]
