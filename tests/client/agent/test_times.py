"""When scans really were: what follows from a boot's own clock, from its neighbours, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pi_auto.client.agent.timekeeping.boots import Boot, Boots, store_boots, stored_boots
from pi_auto.client.agent.timekeeping.correcting import corrected
from pi_auto.client.agent.timekeeping.neighbours import in_order, inferred
from pi_auto.client.spool.reader import SeenBoot
from pi_auto.wire.ids import Position
from pi_auto.wire.scan import Scan, Stamp
from support.records import SPOOL, START, scan

S = 1_000_000_000  # nanoseconds
NOON = int(START.timestamp()) * S  # the offset of a boot that began at noon
LONG_AGO = datetime(2025, 5, 1, tzinfo=START.tzinfo)
A, B, C, D = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")


def measured(boot: str, begins: float, *, until: float = 0, at: float = 0, error_ms: int = 500) -> Boot:
    """A boot that began so many seconds after noon, whose clock was set `at` so many seconds since."""
    return Boot(boot, int(until * S), NOON + int(begins * S), int(at * S), error_ms)


def unset(boot: str, *, until: float) -> Boot:
    """A boot whose clock was never set."""
    return Boot(boot, int(until * S))


def stamped(seconds: float, wall: datetime, *, synced: bool, boot: str = A) -> Scan:
    """A scan so many seconds after the boot, when the clock said `wall`."""
    return scan(number=1, stamp=Stamp(boot, int(seconds * S), wall, synced))


def after_noon(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("boot", "seconds", "moment", "error_ms"),
    [
        (measured(A, 0, at=100), 100, 100, 500),
        (measured(A, 0, at=100), 60, 60, 520),  # 500 ppm of the 40 s between
        (measured(A, 0, at=100), 3700, 3700, 2300),
        (measured(A, 0, at=36_000, error_ms=16_000), 0, 0, 34_000),
        (measured(A, 7.25, at=0), 0.5, 7.75, 501),
    ],
)
def test_a_scan_from_before_the_clock_was_set_gets_its_time_and_a_bound(
    boot: Boot, seconds: float, moment: float, error_ms: int
) -> None:
    sent = corrected(stamped(seconds, LONG_AGO, synced=False), boot)
    assert (sent.corrected_time, sent.time_error_ms) == (after_noon(moment), error_ms)


@pytest.mark.parametrize("boot", [None, unset(A, until=50)])
def test_where_nothing_is_known_nothing_is_claimed(boot: Boot | None) -> None:
    taken = stamped(10, LONG_AGO, synced=False)
    assert corrected(taken, boot) is taken


@pytest.mark.parametrize(
    ("wall", "believed"),
    [
        (after_noon(100), True),
        (after_noon(101.5), True),  # a small step since
        (after_noon(84), True),  # the kernel calls a clock set up to 16 s
        (after_noon(100) + timedelta(days=365), False),
        (after_noon(100) - timedelta(days=365), False),
    ],
)
def test_a_set_clock_is_believed_unless_it_was_set_anew_since_and_proved_far_off(
    wall: datetime, believed: bool
) -> None:
    taken = stamped(100, wall, synced=True)
    sent = corrected(taken, measured(A, 0, at=200))
    assert (sent is taken) == believed
    assert believed or sent.corrected_time == after_noon(100)


@pytest.mark.parametrize("step", [timedelta(days=365), -timedelta(days=365)])
def test_a_clock_stepped_by_a_year_changes_neither_times_nor_their_order(step: timedelta) -> None:
    boot = measured(A, 0, at=1)
    taken = [stamped(10, after_noon(10), synced=True), stamped(11, after_noon(11) + step, synced=False),
             stamped(12, after_noon(12), synced=True)]  # fmt: skip
    sent = [corrected(each, boot) for each in taken]
    assert [each.corrected_time or each.stamp.wall_time for each in sent] == [after_noon(n) for n in (10, 11, 12)]


def test_only_the_time_of_a_scan_is_corrected_and_always_to_the_same() -> None:
    taken = stamped(10, LONG_AGO, synced=False)
    sent = corrected(taken, measured(A, 0, at=20))
    assert replace(sent, corrected_time=None, time_error_ms=None) == taken
    assert sent.digest() == taken.digest()
    assert corrected(taken, measured(A, 0, at=20)) == sent


def test_a_stamp_that_no_calendar_holds_is_left_alone() -> None:
    taken = stamped(2**63 / S - 1, LONG_AGO, synced=False)
    assert corrected(taken, replace(measured(A, 0), offset_ns=2**63 - 1, error_ms=0)).stamp == taken.stamp


# Boots as a row: (began, lasted) where the clock was set, lasted alone where it was not; then what is inferred
# of the others: when they began, and how far that may be off. Seconds after noon.
Row = list[tuple[float, float] | float]
NEIGHBOURS: dict[str, tuple[Row, dict[str, tuple[float, float]]]] = {
    "one between two": ([(0, 100), 50, (400, 10)], {B: (225, 126)}),
    "it was off for no time at all": ([(0, 100), 300, (400, 10)], {B: (100, 1)}),
    "two between two keep their order": ([(0, 100), 50, 30, (400, 10)], {B: (210, 111), C: (260, 111)}),
    "nothing before": ([50, (400, 10)], {}),
    "nothing after": ([(0, 100), 50], {}),
    "nothing at all": ([50, 60], {}),
    "the nearest count": ([(0, 100), (200, 50), 10, (300, 10)], {C: (270, 21)}),
    "neighbours that contradict each other": ([(0, 1000), 50, (400, 10)], {}),
}


@pytest.mark.parametrize("case", NEIGHBOURS)
def test_a_boot_whose_clock_was_never_set_is_bounded_by_its_neighbours(case: str) -> None:
    row, expected = NEIGHBOURS[case]
    boots = [
        measured(boot, *[times[0]], until=times[1]) if isinstance(times, tuple) else unset(boot, until=times)
        for boot, times in zip((A, B, C, D), row, strict=False)
    ]
    found = {boot.id: boot for boot in inferred(boots)}
    assert found.keys() == expected.keys()
    for boot, (begins, error) in expected.items():
        assert found[boot].time_of(0) is not None
        moment, error_ms = found[boot].time_of(0) or (START, 0)
        assert abs((moment - after_noon(begins)).total_seconds()) < 0.2
        assert abs(error_ms / 1000 - error) < 1


def test_the_truth_lies_within_what_is_inferred_however_long_it_was_off() -> None:
    for began in (101, 200, 349):
        (boot,) = inferred([measured(A, 0, until=100), unset(B, until=50), measured(C, 400, until=10)])
        for seconds in (0, 20, 50):
            moment, error_ms = boot.time_of(seconds * S) or (START, 0)
            assert abs((moment - after_noon(began + seconds)).total_seconds()) <= error_ms / 1000


def seen(boot: str, until: float = 10, trusted: Stamp | None = None) -> SeenBoot:
    return SeenBoot(boot, int(until * S), trusted)


@pytest.mark.parametrize(
    ("noted", "with_records", "order"),
    [
        ("ABC", "B", "ABC"),
        ("ABC", "ABC", "ABC"),
        ("AC", "ABC", "ABC"),
        ("AD", "BC", "BCD"),  # whether A came before B cannot be told
        ("ABD", "ACD", "ACD"),  # nor whether B came before C
        ("BCD", "A", "AD"),
        ("ABCD", "", "ABCD"),
        ("", "AB", "AB"),
    ],
)
def test_boots_of_the_agent_and_of_the_spool_make_one_row(noted: str, with_records: str, order: str) -> None:
    names = dict(zip("ABCD", (A, B, C, D), strict=True))
    row = in_order([unset(names[each], until=1) for each in noted], [seen(names[each]) for each in with_records])
    assert [boot.id for boot in row] == [names[each] for each in order]


def test_a_record_of_a_set_clock_tells_what_the_agent_did_not_see() -> None:
    (boot,) = in_order([], [seen(A, 300, Stamp(A, 200 * S, after_noon(200), synced=True))])
    assert (boot.until_ns, boot.time_of(200 * S)) == (300 * S, (after_noon(200), 16_000))


def test_what_is_known_of_boots_is_kept(tmp_path: Path) -> None:
    folder = tmp_path
    boots = Boots((measured(A, 0, until=5, at=3), unset(B, until=7)), Position(SPOOL, 4))
    store_boots(folder, boots)
    assert stored_boots(folder) == boots


@pytest.mark.parametrize("content", [b"", b"[]", b'{"boots": [{"id": 1}]}', b"\xff", b"[" * 5000])
def test_a_file_that_cannot_be_read_costs_only_what_it_held(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path
    (folder / "boots.json").write_bytes(content)
    assert stored_boots(folder) == Boots()


def test_the_oldest_boots_are_forgotten_first() -> None:
    boots = Boots()
    for number in range(600):
        boots = boots.having(Boot(f"{number:08x}-0000-4000-8000-000000000000"))
    assert len(boots.rows) == 500
    assert boots.rows[-1].id.startswith(f"{599:08x}")
