"""What the bench of capture has found, and how it is printed beside its aims."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from footprint import Reading

IDLE = 30  # seconds


@dataclass(frozen=True, slots=True)
class Loss:
    """What became of the codes typed at one pace."""

    typed: int
    exact: int
    lost: int
    damaged: int


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds: to store, to append, and of a process that appends for a key."""

    stored: list[float] = field(default_factory=list)
    appended: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of scanner: what was lost at each pace; milliseconds by turns; the process."""

    losses: dict[int, Loss]
    times: Times
    fresh: Reading
    used: Reading
    rested: Reading


def report(name: str, found: Measured) -> None:
    """Print what was found with a kind of scanner."""
    print(f"\n{name}\n{'':<28}{'typed':>8}{'exact':>8}{'lost':>8}{'damaged':>9}")
    for pace, loss in found.losses.items():
        print(f"{pace:>4} ms a character{'':<9}{loss.typed:>8}{loss.exact:>8}{loss.lost:>8}{loss.damaged:>9}")
    _report_times(found.times)
    print(f"{'MiB; aim 14':<28}{'RSS':>8}{'PSS':>8}")
    for what, reading in (
        ("after the start", found.fresh),
        (f"after {len(found.times.stored)} scans", found.used),
    ):
        print(f"{what:<28}{reading.rss / 1024:>8.1f}{reading.pss / 1024:>8.1f}")
    print(f"woke up {found.rested.wakeups} times in {IDLE} s without a scan; aim 0")


def _report_times(times: Times) -> None:
    print(f"{'milliseconds':<28}{'p50':>8}{'p99':>8}")
    for what, measured in (
        ("bare append + fdatasync", times.appended),
        ("a bare reader that appends", times.bare),
        ("last key → stored", times.stored),
    ):
        print(f"{what:<28}{statistics.median(measured):>8.2f}{_p99(measured):>8.2f}")
    for what, peer in (("÷ bare append; aim 1.5", times.appended), ("÷ bare reader", times.bare)):
        print(f"{what:<28}{_median_ratio(times.stored, peer):>8.2f}{_p99(times.stored) / _p99(peer):>8.2f}")


def _median_ratio(times: list[float], peer: list[float]) -> float:
    return statistics.median(times) / statistics.median(peer)


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]
