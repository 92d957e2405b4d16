"""Power cuts in updates: what each has met and what came of it, and the page that script/test-long makes of them.

python -m support.vm.cuts REPORT…     the page, to stdout; each report is of one run of the virtual Pi
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support.vm.evidence import circumstances


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut.

    `moment` is seconds after the hand-over, `met` the newest step that was told then, `scans` seconds of the
    guest from power-on to an open scanner, `end` the update's last step, `took` seconds from power-on to that.
    """

    moment: float
    met: str
    scans: float
    end: str
    took: float

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {name: round(told, 1) if isinstance(told, float) else told for name, told in asdict(self).items()}


def page(reports: list[dict[str, Any]]) -> str:
    """The page in Markdown."""
    found = {f"{number} {report['kind']}": report for number, report in enumerate(reports, 1)}
    lines = ["# Power cuts at random moments of an update", "", *circumstances(found), "", *_table(reports)]
    return "\n".join(lines) + "\n"


def _table(reports: list[dict[str, Any]]) -> Iterator[str]:
    cuts = [Cut(**row) for report in reports for row in report["rows"]]
    outcomes = Counter(case["outcome"] for report in reports for case in report["cases"])
    ends = Counter(cut.end for cut in cuts)
    yield f"{len(cuts)} cuts: {', '.join(f'{number} {end}' for end, number in sorted(ends.items()))}."
    yield f"Cases: {', '.join(f'{number} {outcome}' for outcome, number in sorted(outcomes.items()))}."
    yield ""
    yield "| cut | s after the hand-over | newest step then | scans after power-on, s | end | by itself after, s |"
    yield "|---|---|---|---|---|---|"
    for number, cut in enumerate(cuts, 1):
        met = cut.met or "none told"
        yield f"| {number} | {cut.moment:g} | {met} | {cut.scans:g} | {cut.end} | {cut.took:g} |"


if __name__ == "__main__":
    sys.stdout.write(page([json.loads(Path(name).read_text()) for name in sys.argv[1:]]))
