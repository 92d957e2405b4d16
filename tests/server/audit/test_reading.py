"""The audit trail is read with filters, and what is older than two years is let go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from pi_auto.server.audit import trail
from pi_auto.server.audit.reading import KEPT, Wanted, actions, prune, read
from pi_auto.server.audit.tables import audit
from pi_auto.server.audit.trail import Entry, count, note
from support.api import Api, open_api
from support.enrolling import Desk, open_desk

DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "books") as opened:
        yield opened


def noted(desk: Desk, actor: str, action: str, subject: str) -> None:
    desk.do(lambda books: note(books, Entry(actor, action, subject, "done"), desk.now))


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (Wanted(), ["pi-2", "till", "pi-1"]), (Wanted(actor="an"), ["till", "pi-1"]),
        (Wanted(action="revoke"), ["pi-1"]),
        (Wanted(subject="pi"), ["pi-2", "pi-1"]), (Wanted(before=3), ["till", "pi-1"]), (Wanted(actor="%"), []),
    ],
    ids=repr,
)  # fmt: skip
def test_the_newest_come_first_and_filters_leave_what_fits(
    desk: Desk, wanted: Wanted, subjects: list[str]
) -> None:
    noted(desk, "ann", "revoke", "pi-1")
    noted(desk, "ann", "token", "till")
    noted(desk, "bob", "lift", "pi-2")
    assert [row.subject for row in desk.reading(lambda books: read(books, wanted))] == subjects
    assert desk.reading(actions) == ["lift", "revoke", "token"]


def test_refusals_from_many_networks_are_few_rows_and_every_one_is_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has an IPv6 /48 comes from 65,536 networks."""
    monkeypatch.setattr(trail, "MOST_NETWORKS", 20)
    refused = Entry("stranger", "login", "admin", "refused", "2001:db8::1")

    def flood(books: Connection) -> None:
        for number in range(100):
            count(books, refused, f"2001:db8:0:{number:x}::/64", desk.now)
        count(books, replace(refused, action="enrol"), "2001:db8:1::/64", desk.now)

    desk.do(flood)
    desk.do(flood)
    rows = desk.rows(audit)
    assert (len(rows), sum(row.times for row in rows)) == (22, 202)
    assert [(row.subject, row.address, row.times) for row in rows if row.subject == "others"] == [
        ("others", None, 160)
    ]
    desk.pass_by(hours=1)
    desk.do(lambda books: count(books, refused, "2001:db8::/64", desk.now))
    assert desk.rows(audit)[-1].address == "2001:db8::1", "the next hour begins anew"


def test_rows_are_kept_for_two_years_since_they_were_counted_last(desk: Desk) -> None:
    noted(desk, "ann", "revoke", "old")
    flood = Entry("stranger", "login", "admin", "refused")
    desk.do(lambda books: count(books, flood, "10.0.0.0/24", desk.now))
    desk.pass_by(minutes=30)
    desk.do(lambda books: count(books, flood, "10.0.0.0/24", desk.now))
    noted(desk, "ann", "revoke", "new")
    then = desk.now + KEPT - timedelta(minutes=20)
    assert desk.do(lambda books: prune(books, then, 9)) == 1
    assert [(row.subject, row.times) for row in desk.rows(audit)] == [("admin", 2), ("new", 1)]
    assert desk.do(lambda books: prune(books, then + KEPT, 2)) == 1, "what came later is young, whatever it says"
