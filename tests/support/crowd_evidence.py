"""docs/evidence/hub.md out of what tests/hub/scale wrote: `python -m support.crowd_evidence REPORT` prints it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.machine import commit, machine

_PAGE = """\
# A thousand devices whose links break at random

What `script/test-long hub` found on {date} at commit {commit}, seed {seed}, on {cpus} cores of {model},
{memory} GiB, Python {python}. All shared that machine, with whatever else it did (load {load}); no TLS.

| | |
|---|---|
| devices | {devices:,} |
| scans, one each {pace} s of each device | {scans_in_all:,} |
| broken connections | {breaks_in_all:,}: {breaks_told} |
| CONNECTs that the hub did not accept | {refused_connects:,} |
| kill -9 of the hub, of the server | {hub_kills}, {server_kills} |
| PUBLISHes sent | {sent:,} |
| messages acknowledged | {acknowledged:,} |
| of these in the hub's events | {seen:,} |
| repeats in the events, each with its message-id and after a PUBACK that did not arrive | {repeats:,} |
| messages in the events more often than they were sent | {too_often:,} |
| gaps in the sequence numbers, or events of another device | {faults:,} |
| scans in the server's books; of these twice | {booked:,}; {booked_twice:,} |
| seconds until everything was acknowledged, and in the books | {seconds:.0f}, {seconds_to_books:.0f} |

A connection that breaks is one of: clean (DISCONNECT), cut (the socket is closed), deaf (the device sends on and
reads no more PUBACK), half (the hub gets the beginning of a packet).
"""


def page(figures: dict[str, Any]) -> str:
    """The page, in Markdown."""
    breaks = figures["breaks"]
    return _PAGE.format(
        **figures,
        **machine(),
        date=datetime.now(UTC).date(),
        commit=commit(),
        scans_in_all=figures["devices"] * figures["scans"],
        breaks_in_all=sum(breaks.values()),
        breaks_told=", ".join(f"{breaks[name]:,} {name}" for name in sorted(breaks)),
    )


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text())))
