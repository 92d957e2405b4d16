"""docs/evidence/chaos.md out of what test_chaos.py wrote: `python -m support.chaos.evidence REPORT COMMIT`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.machine import machine

_PAGE = """\
# The whole chain while everything goes wrong at once

What `script/test-long chaos` found on {date} at commit {commit}, seed {seed}, on {cpus} cores of {model},
{memory} GiB, Python {python}. Server, hub and a virtual Pi with its capture and agent, all as real processes,
shared that machine with whatever else it did (load {load}). `PI_AUTO_SEED={seed}` deals the same faults again.

| | |
|---|---|
| minutes of faults, in rounds | {minutes:.0f}, in {rounds} |
| faults | {struck:,} |
| codes typed | {typed:,} |
| stored on the device, all of which are owed | {stored:,} |
| told as lost, never signalled as stored | {told_as_lost:,} |
| in the server's books, by the API and by the hub each | {booked:,} |
| lost, by either way | {lost} |
| double | {double} |
| seconds of calm until everything had arrived, the longest | {slowest:.0f} |
| starts of server or client that failed under a fault and were tried again | {failed} |
| complaints of the judge | {judged} |

What is neither stored nor told as lost was dropped by the scanner's full queue, where one loss that is told may
stand for many codes, or was in a capture that was killed before it had stored it. Each round ends in calm, in
which all that is stored has to arrive by both ways; then the books are held against what was typed and what was
stored: each scan once, in the device's order, with its text, and nothing else; nothing flagged, refused, missing
or set aside.

| fault | how often |
|---|---|
{table}

Kill is SIGKILL, right behind some codes that were scanned for it, and in the midst of many faults that last.
Stop is SIGSTOP, and SIGCONT later. Cut, stall, slow, break, mute and deaf are the device's way to the server's API
or to the hub: hung up, silent, 4 kB/s, hung up in the middle of an answer, without any answer to what arrives and
is booked, and with nothing that arrives. Full is the device's disk, clock its wall clock (by up to 400 days either
way), restart a SIGKILL of everything at once.{left_out}
"""


def page(figures: dict[str, Any], commit: str) -> str:
    """The page, in Markdown; `commit` is what was checked out."""
    faults, left_out = figures["faults"], figures["left_out"]
    return _PAGE.format(
        **figures | {"left_out": f" This machine could not have: {', '.join(left_out)}." if left_out else ""},
        **machine(),
        date=datetime.now(UTC).date(),
        commit=commit,
        minutes=figures["seconds"] / 60,
        rounds=len(figures["settling"]),
        struck=sum(faults.values()),
        slowest=max(figures["settling"], default=0.0),
        failed=len(figures["failures"]),
        judged=len(figures["complaints"]),
        table="\n".join(f"| {name} | {times} |" for name, times in sorted(faults.items())),
    )


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]))
