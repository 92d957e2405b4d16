"""Stamps and repeats: what a draft says of its time, and of the scan that it repeats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pi_auto.client.capture.codes import Code, Lost
from pi_auto.client.capture.drafting import Drafter
from pi_auto.client.clock import boottime_ns, stamp_at, system_clock
from pi_auto.client.spool.drafts import IncidentDraft, ScanDraft
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Scan
from support.keys import MS
from support.records import SCANNER, SPOOL, stamp

NOW = replace(stamp(), boottime_ns=60_000 * MS)


def drafts(*codes: tuple[str, int]) -> list[ScanDraft]:
    drafter = Drafter(SCANNER, lambda: NOW)
    made = [drafter.draft(Code(text, text.encode(), at * MS)) for text, at in codes]
    return [draft for draft in made if isinstance(draft, ScanDraft)]


def repeated(*codes: tuple[str, int]) -> list[int | None]:
    """For each code the index of the one it repeats."""
    made = drafts(*codes)
    uuids = [draft.uuid for draft in made]
    return [None if draft.repeat_of is None else uuids.index(draft.repeat_of) for draft in made]


@pytest.mark.parametrize(
    ("codes", "repeats"),
    [
        ([("A", 0), ("A", 500)], [None, 0]),
        ([("A", 0), ("A", 501)], [None, None]),
        ([("A", 0), ("A", 300), ("A", 600)], [None, 0, 1]),
        ([("A", 0), ("B", 100), ("A", 200)], [None, None, 0]),
        ([("A", 0), ("a", 100)], [None, None]),
    ],
)
def test_the_same_text_within_half_a_second_is_marked_as_a_repeat(
    codes: list[tuple[str, int]], repeats: list[int | None]
) -> None:
    assert repeated(*codes) == repeats


def test_the_same_item_three_times_is_three_scans() -> None:
    made = drafts(("4006381333931", 0), ("4006381333931", 100), ("4006381333931", 200))
    assert len({draft.uuid for draft in made}) == 3


def test_the_same_characters_in_two_symbologies_are_no_repeat() -> None:
    drafter = Drafter(SCANNER, lambda: NOW)
    made = [drafter.draft(Code("04252614", b"04252614", at, aim)) for at, aim in ((0, "]E0"), (1, "]E4"))]
    assert [draft.repeat_of for draft in made if isinstance(draft, ScanDraft)] == [None, None]


def test_a_draft_keeps_every_byte_and_the_aim_identifier() -> None:
    draft = Drafter(SCANNER, lambda: NOW).draft(Code("caf\ufffd", b"caf\xe9", 0, "]Q1"))
    scan = draft.at(Position(SPOOL, 1))
    assert isinstance(scan, Scan)
    assert (scan.raw, scan.text, scan.aim) == (b"caf\xe9", "caf\ufffd", "]Q1")


def test_two_scanners_never_repeat_each_other() -> None:
    one, two = (Drafter(SCANNER, lambda: NOW).draft(Code("A", b"A", 0)) for _ in range(2))
    assert isinstance(one, ScanDraft)
    assert isinstance(two, ScanDraft)
    assert two.repeat_of is None


def test_a_draft_is_stamped_with_the_time_of_its_key() -> None:
    (draft,) = drafts(("A", 59_000))
    assert draft.stamp == replace(NOW, boottime_ns=59_000 * MS, wall_time=NOW.wall_time - timedelta(seconds=1))


def test_a_draft_becomes_a_scan_that_the_wire_accepts() -> None:
    scan = drafts(("A\x1d", 59_000))[0].at(Position(SPOOL, 7))
    assert Scan.from_json(scan.to_json()) == scan


def test_a_loss_becomes_an_incident_with_its_reason_and_scanner() -> None:
    draft = Drafter(SCANNER, lambda: NOW).draft(Lost("why", 59_000 * MS))
    assert isinstance(draft, IncidentDraft)
    assert (draft.type, draft.reason, draft.scanner) == ("scan_lost", "why", SCANNER)


@pytest.mark.parametrize(("moment", "told"), [(-5, 0), (2**70, NOW.boottime_ns)])
def test_a_moment_outside_of_this_boot_is_drawn_to_its_edge(moment: int, told: int) -> None:
    assert stamp_at(NOW, moment).boottime_ns == told


def test_the_clock_of_this_machine_makes_stamps_that_the_wire_accepts() -> None:
    now = system_clock()
    before, first, second = boottime_ns(), now(), now()
    assert before <= first.boottime_ns <= second.boottime_ns
    assert first.boot_id == second.boot_id
    scan = replace(drafts(("A", 0))[0], stamp=first).at(Position(SPOOL, 1))
    assert isinstance(Scan.from_json(scan.to_json()), Scan)
