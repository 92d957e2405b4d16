"""What fuzzing has found, as a page: `python -m fuzz.evidence FOLDER COMMIT SEED`, of a log for each target."""

from __future__ import annotations

import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

_REACHED = re.compile(r"cov: (\d+) .*?corp: (\d+)/")
_EXECUTED = re.compile(r"number_of_executed_units: (\d+)")
_BROKEN = re.compile(r"=== Uncaught Python exception: ===\s*\n(.{1,200})")
_INPUT = re.compile(r"^Base64: (\S+)$", re.MULTILINE)
_ENDED = re.compile(r"^Done \d+ runs in (\d+) second", re.MULTILINE)
_HEAD = """# Guided bytes into all that reads some

What test-long found on {day} at commit {commit}, seed {seed}, on {machine} with Python {python}. Edges are
those of our own code that were reached, inputs kept each reached something new (tests/fuzz,
docs/decisions/0086):

| target | inputs tried | seconds | edges | inputs kept | promise broken |
|---|---|---|---|---|---|
"""


def main() -> None:
    """Print the page."""
    folder, commit, seed = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    machine, day = f"{platform.machine()}", f"{datetime.now(UTC):%Y-%m-%d}"
    print(
        _HEAD.format(day=day, commit=commit, seed=seed, machine=machine, python=platform.python_version()), end=""
    )
    for log in sorted(folder.glob("*.*.log")):
        print(row(log.name.removesuffix(".log"), log.read_text(errors="replace")))


def row(target: str, said: str) -> str:
    """One line of the table, of what libFuzzer has said."""
    executed, ended = _EXECUTED.search(said), _ENDED.search(said)
    edges, kept = (_REACHED.findall(said) or [("0", "0")])[-1]
    found, octets = _BROKEN.search(said), _INPUT.search(said)
    where = f"`{octets[1]}` in base64" if octets else "too long to be shown"
    broken = f"{found[1]} ({where})" if found else ""
    tried = f"{int(executed[1]):,}" if executed else "0"
    outcome = broken.replace("|", "\\|") or ("none" if ended else "it has not ended as it should")
    return f"| {target} | {tried} | {ended[1] if ended else ''} | {edges} | {kept} | {outcome} |"


if __name__ == "__main__":
    main()
