"""Writes what script/test-long has found as a page: seed, commit, machine, each kind's cases and figures.

    python -m support.vm.evidence REPORTS KIND…     the page, to stdout; REPORTS holds KIND.json of each

A kind without a report is named as such: that it could not be tried is a result too.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.vm.kinds import KINDS


def page(reports: Path, kinds: list[str]) -> str:
    """The page in Markdown."""
    found = {kind: _report(reports / f"{kind}.json") for kind in kinds}
    lines = ["# The appliance on virtual Pis, full counts", "", *circumstances(found)]
    for kind, report in found.items():
        lines += ["", f"## {kind}", "", *(_of(report) if report else ["Could not be tried: it gave no report."])]
    return "\n".join(lines) + "\n"


def _report(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    read: dict[str, Any] = json.loads(file.read_text())
    return read


def circumstances(found: Mapping[str, dict[str, Any] | None]) -> Iterator[str]:
    """When, from what and on what it was found, as a table; of reports by their kinds."""
    seeds = {report["seed"] for report in found.values() if report}
    emulators = {KINDS[report["kind"]].emulator for report in found.values() if report}
    facts = {
        "written": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "by": "`script/test-long`",
        "seed": ", ".join(map(str, sorted(seeds))) or "none",
        "commit": _said("git", "describe", "--always", "--dirty", "--abbrev=12"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "kernel": " ".join((platform.system(), platform.release().partition("-")[0], platform.machine())),
        "emulators": "; ".join(_said(each, "--version").splitlines()[0] for each in sorted(emulators)),
        "acceleration": os.environ.get("PI_AUTO_VM_ACCEL", "none: all of it is software emulation"),
    }
    yield "| | |"
    yield "|---|---|"
    for name, value in facts.items():
        yield f"| {name} | {value} |"


def _of(report: dict[str, Any]) -> Iterator[str]:
    cases = report["cases"]
    counts = Counter(case["outcome"] for case in cases)
    total = sum(case["seconds"] for case in cases)
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    yield f"{outcomes}; {total / 60:.0f} minutes."
    yield ""
    if report["figures"]:
        yield from ("| measured | | aim |", "|---|---|---|")
        for each in report["figures"]:
            yield f"| {each['name']} | {each['value']:g} {each['unit']} | {each['aim']} |"
        yield ""
    yield from ("| case | result | seconds |", "|---|---|---|")
    for case in cases:
        yield f"| `{case['case'].replace('|', '¦')}` | {case['outcome']} | {case['seconds']:g} |"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]), sys.argv[2:]))
