"""The clerk and its inbox: what waits is bounded, and what did not fit is owned up to."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from pi_auto.client.bulletin import Bulletin
from pi_auto.client.capture.clerk import Clerk
from pi_auto.client.capture.inbox import MOST_WAITING, Inbox, Note
from pi_auto.client.capture.signals.signaller import Signals
from pi_auto.client.spool.schema import FILE_NAME
from pi_auto.client.spool.writer import Spool
from pi_auto.wire.scan import Incident
from support.records import stamp
from support.spools import draft, filled, held, texts
from support.waiting import wait_until


def clerk_of(inbox: Inbox, folder: Path) -> Clerk:
    """A clerk that shows nothing."""
    agent, bulletin = folder / "agent", Bulletin(folder)
    signals = Signals([], folder / "sent.sock", agent / "marks.sqlite", bulletin)
    return Clerk(inbox, folder, agent, stamp, lambda: None, bulletin, signals, log_barcodes=True)


def worked(inbox: Inbox, folder: Path) -> Clerk:
    """A clerk that has worked until the inbox was closed."""
    clerk = clerk_of(inbox, folder)
    inbox.close()
    clerk.start()
    clerk.join(60)
    assert not clerk.is_alive()
    return clerk


def test_the_inbox_never_waits_and_counts_what_does_not_fit() -> None:
    inbox = Inbox()
    for _ in range(MOST_WAITING + 3):
        inbox.put(draft())
    inbox.put(Note(logging.INFO, "not counted"))
    assert inbox.overflow == 3
    assert len(inbox.take(10, 0)[0]) == 10
    inbox.put(draft())
    assert inbox.overflow == 3


def test_a_full_clerk_takes_nothing_but_hears_the_end() -> None:
    inbox = Inbox()
    inbox.put(draft())
    assert inbox.take(0, 0) == ([], False)
    inbox.close()
    assert inbox.take(0, 0) == ([], True)


def test_all_that_waits_is_stored_before_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    for number in range(700):
        inbox.put(draft(str(number)))
    caplog.set_level(logging.INFO)
    assert worked(inbox, tmp_path).unsaved == 0
    assert texts(held(tmp_path)) == [str(number) for number in range(700)]
    assert caplog.text.count("barcode stored: ") == 700


def test_what_did_not_fit_is_reported_as_lost(tmp_path: Path) -> None:
    inbox = Inbox()
    inbox.put(draft("A"))
    inbox.overflow = 5
    worked(inbox, tmp_path)
    assert texts(held(tmp_path)) == ["A"]
    (loss,) = [record for record in held(tmp_path) if isinstance(record, Incident)]
    assert loss.reason.startswith("5 records came")


def test_a_spool_that_breaks_under_the_clerk_is_replaced_and_the_scan_is_stored(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, stamp)
    spool.append([draft() for _ in range(1000)])
    spool.close()
    inbox = Inbox()
    clerk = clerk_of(inbox, tmp_path)
    clerk.start()
    wait_until((tmp_path / f"{FILE_NAME}-wal").exists, what="the clerk has opened the spool")
    inbox.put(draft("BEFORE"))
    wait_until(lambda: texts(held(tmp_path))[-1:] == ["BEFORE"], what="the clerk has stored the first scan")
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 500_000)
    for _ in range(50):  # the pages that a single one touches may be in memory
        inbox.put(draft("AFTER"))
    inbox.close()
    clerk.join(60)
    assert clerk.unsaved == 0
    assert texts(held(tmp_path)).count("AFTER") == 50
    assert [record.type for record in held(tmp_path) if isinstance(record, Incident)] == ["spool_replaced"]


def test_a_spool_of_a_newer_program_stops_the_clerk(tmp_path: Path) -> None:
    spool = filled(tmp_path, "A")
    spool._connection.execute("UPDATE meta SET value = '9' WHERE key = 'schema'")
    spool.close()
    inbox = Inbox()
    inbox.put(draft("B"))
    clerk = worked(inbox, tmp_path)
    assert "this program knows 1" in str(clerk.failure)
