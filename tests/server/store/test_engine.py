from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, select
from sqlalchemy.exc import OperationalError

from pi_auto.server.fleet.tables import devices
from pi_auto.server.scans.tables import scans
from pi_auto.server.store import migrate
from pi_auto.server.store.changes import newest_change
from pi_auto.server.store.engine import BOOKS, Store, StoreError, open_store
from pi_auto.server.store.tables import metadata
from pi_auto.server.store.text import storable
from support.records import START


def add_device(store: Store) -> None:
    row = {"client_version": "", "system_info": {}, "registered_at": START, "changed": 41}
    with store.writing() as connection, connection.begin():
        connection.execute(insert(devices).values(device_id="pi-1", **row))


def test_the_migrations_lead_to_the_tables_of_the_code(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    store.close()


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    open_store(data).close()
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_there_keeps_its_mode_and_the_books_are_their_owners_alone(tmp_path: Path) -> None:
    """It may be somebody's home: closed to others, it would lock people out."""
    tmp_path.chmod(0o755)
    store = open_store(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    store.close()


def test_books_that_were_deleted_take_no_more_writes_and_do_not_come_back_empty(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    (tmp_path / BOOKS).unlink()
    with pytest.raises(StoreError, match="has gone"):
        add_device(store)
    with pytest.raises(OperationalError):
        store.engine.connect()
    assert not (tmp_path / BOOKS).exists()
    store.close()


def test_books_that_were_replaced_take_no_more_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    (tmp_path / "backup").write_bytes((tmp_path / BOOKS).read_bytes())
    (tmp_path / "backup").rename(tmp_path / BOOKS)
    with pytest.raises(StoreError, match="was replaced"):
        add_device(store)
    store.close()


@pytest.mark.parametrize("name", ["100% odd?#name", "a\nb", "ü"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    open_store(tmp_path / name).close()
    assert (tmp_path / name / BOOKS).exists()


def test_books_are_opened_again_as_they_were(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    add_device(store)
    store.close()
    store = open_store(tmp_path)
    with store.engine.connect() as connection:
        assert newest_change(connection) == 41
        assert connection.execute(devices.select()).one().registered_at == START
        assert connection.execute(scans.select()).all() == []
    store.close()


def test_two_servers_never_share_a_data_folder(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match="in use by another server"):
        open_store(tmp_path, patience=0)
    store.close()
    open_store(tmp_path).close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"this is no database, whatever its name says" * 100, "damaged"),
        (b"SQLite format 3\0" + b"\xff" * 5000, "damaged|cannot be opened"),
    ],
)
def test_damaged_books_are_named_and_left_as_they_are(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / BOOKS).write_bytes(content)
    with pytest.raises(StoreError, match=words) as failure:
        open_store(tmp_path)
    assert str(tmp_path / BOOKS) in str(failure.value)
    assert (tmp_path / BOOKS).read_bytes() == content


def test_books_of_a_newer_server_are_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    books = sqlite3.connect(tmp_path / BOOKS)
    books.execute("UPDATE alembic_version SET version_num = '9999'")
    books.commit()
    books.close()
    with pytest.raises(StoreError, match="newer version"):
        open_store(tmp_path)


def test_a_data_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file/data"):
        open_store(tmp_path / "file" / "data")


def test_a_folder_where_nobody_may_write_is_named() -> None:
    with pytest.raises(StoreError, match="/sys/pi-auto"):
        open_store(Path("/sys/pi-auto"))


@pytest.mark.parametrize(
    ("text", "stored"),
    [("", ""), ("plain", "plain"), ("a\0b", "a\u2400b"), ("\ud800x", "\ufffdx"), ("\U0001f600", "\U0001f600")],
)
def test_text_is_made_fit_for_every_database(text: str, stored: str) -> None:
    assert storable(text) == stored


def test_books_of_an_earlier_version_keep_their_devices_and_get_what_is_new(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    earlier = create_engine(f"sqlite:///{tmp_path / BOOKS}")
    with earlier.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO devices (device_id, client_version, system_info, registered_at, changed)"
            " VALUES ('pi-1', '', '{}', '2026-11-23 12:00:00.000000', 1)"
        )
    earlier.dispose()
    store = open_store(tmp_path)
    with store.engine.connect() as connection:
        [device] = connection.execute(select(devices)).all()
    assert (device.device_id, device.connected_at, device.connects) == ("pi-1", None, None)
    store.close()
