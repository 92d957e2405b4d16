"""Books in which an old client's scans were completed by its hub's events before these had names (schema 0011)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, func, select, text

from pi_auto.server.legacy.booking import book_scan
from pi_auto.server.links.events import book_event
from pi_auto.server.links.tables import cursors
from pi_auto.server.scans.booking import Way
from pi_auto.server.scans.tables import scans
from pi_auto.server.store import migrate
from pi_auto.server.store.engine import BOOKS, Store, open_store
from pi_auto.server.store.writer import Writer
from pi_auto.wire.hublink import TELEMETRY, Event
from pi_auto.wire.times import format_time

ID = "legacy-pi-1a2b3c4d"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def event(number: int, code: str, seconds: float, written: str | None = None) -> Event:
    """What the hub says that the device has sent it, so many seconds after noon."""
    body = {"barcode": code} | ({"timestamp": written} if written else {})
    octets = b64encode(json.dumps(body).encode()).decode()
    return Event(number, TELEMETRY, ID, format_time(NOON + seconds * SECOND), {}, {}, octets)


def name_by_event(told: Event) -> str:
    """How the first version named a scan that the hub alone had brought."""
    ours = "8f0c7f1e-6c1d-5d0b-9a52-1f6a0a1d7e55"
    return str(uuid5(UUID(ours), f"{ID} {told.enqueued_at} {told.sequence_number}"))


def insert(books: Connection, code: str, api: float | None, hub: float | None, name: str | None = None) -> None:
    """A scan as the former version left it, which came by either way so many seconds after noon."""

    def at(seconds: float | None) -> str | None:
        return None if seconds is None else (NOON + seconds * SECOND).strftime("%Y-%m-%d %H:%M:%S.%f")

    taken = at(api if api is not None else hub)
    row: dict[str, Any] = {
        "device_id": ID, "uuid": name or str(uuid4()), "spool": str(uuid4()), "number": 1,
        "scanner_id": "old client", "scanner_name": "", "scanner_port": "", "raw": code.encode(),
        "text": code, "quantity": 1,
        "boot_id": str(uuid4()), "boottime_ns": 0, "wall_time": taken, "synced": 1, "scanned_at": taken,
        "digest": b"x" * 32, "received_at": taken, "api_at": at(api), "hub_at": at(hub), "changed": 1, "legacy": 1,
    }  # fmt: skip
    values = ", ".join(f":{column}" for column in row)
    books.execute(text(f"INSERT INTO scans ({', '.join(row)}) VALUES ({values})"), row)  # noqa: S608 - the names above


FIRST, SECOND_READING, ALONE = event(1, "A", 1), event(2, "A", 3), event(3, "B", 5, "2021-01-01T00:00:00.000007")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two readings of A that both ways have brought, B of the hub alone, C with a name among the cursors."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    earlier = create_engine(f"sqlite:///{tmp_path / BOOKS}")
    with earlier.begin() as books:
        config.attributes["connection"] = books
        command.upgrade(config, "0011")
        device = text(
            "INSERT INTO devices (device_id, client_version, system_info, registered_at, changed, legacy)"
            " VALUES (:id, '', '{}', '2026-11-23 11:00:00.000000', 1, 1)"
        )
        books.execute(device, {"id": ID})
        insert(books, "A", 0.5, 1.5)
        insert(books, "A", 2.5, 3.5)
        insert(books, "B", None, 5.5, name_by_event(ALONE))
        insert(books, "C", 6.5, 7.5)
        books.exec_driver_sql("INSERT INTO cursors (source, through) VALUES ('local:hub', 4)")
        books.exec_driver_sql("INSERT INTO cursors (source, through) VALUES ('legacy:the-name-of-C', 4)")
    earlier.dispose()
    with closing(open_store(tmp_path)) as opened:
        yield opened


def booked(store: Store, *events: Event, at: float = 3600) -> list[tuple[str, bool, bool]]:
    """Every scan's text, and by which ways it came, once these events have been read."""

    def job(books: Connection) -> None:
        for each in events:
            book_event(books, each, NOON + at * SECOND)

    with closing(Writer(store)) as writer:
        writer.submit(job).result(10)
    with store.engine.connect() as books:
        columns = scans.c.text, scans.c.api_at, scans.c.hub_at
        rows = books.execute(select(*columns).order_by(scans.c.id)).all()
    return [(code, api is not None, hub is not None) for code, api, hub in rows]


BEFORE = [("A", True, True), ("A", True, True), ("B", False, True), ("C", True, True)]


def test_events_that_were_laid_to_scans_before_they_had_names_are_not_counted_again(store: Store) -> None:
    whole = FIRST, SECOND_READING, ALONE
    assert booked(store, *whole) == BEFORE
    assert booked(store, *whole, *whole) == BEFORE  # however often


def test_a_scan_that_waits_for_its_own_event_is_not_completed_by_one_of_before(store: Store) -> None:
    with closing(Writer(store)) as writer:
        taken = NOON + 60 * SECOND
        writer.submit(lambda books: book_scan(books, ID, "A", 1, str(uuid4()), Way.API, taken)).result(10)
    assert booked(store, FIRST, SECOND_READING)[-1] == ("A", True, False)
    assert booked(store, event(4, "A", 61))[-1] == ("A", True, True)


def test_what_is_sent_after_all_that_was_laid_is_a_scan_of_its_own(store: Store) -> None:
    assert booked(store, event(4, "A", 61)) == [*BEFORE, ("A", False, True)]


def test_names_among_the_cursors_move_to_their_scans_and_the_hubs_cursor_stays(store: Store) -> None:
    with store.engine.connect() as books:
        assert books.execute(select(cursors.c.source, cursors.c.through)).all() == [("local:hub", 4)]
        named = select(scans.c.text, scans.c.hub_name).where(scans.c.hub_name.is_not(None))
        assert books.execute(named).all() == [("C", "the-name-of-C")]


def test_nothing_is_written_for_an_event_but_at_its_scan(store: Store) -> None:
    with store.engine.connect() as books:
        before = books.execute(select(func.count()).select_from(cursors)).scalar()
    with closing(Writer(store)) as writer:
        taken = NOON + 60 * SECOND
        writer.submit(lambda books: book_scan(books, ID, "D", 1, str(uuid4()), Way.API, taken)).result(10)
    assert booked(store, event(4, "D", 61), event(4, "D", 61))[4:] == [("D", True, True)]
    with store.engine.connect() as books:
        assert books.execute(select(func.count()).select_from(cursors)).scalar() == before
