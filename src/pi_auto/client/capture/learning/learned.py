"""The file of what was learned about scanners, by their stable names.

Kept so that a scanner is judged and calibrated once and not after each start. A file that cannot
be read costs only that: all of it is learned again.
"""

from __future__ import annotations

import json
from pathlib import Path

from pi_auto.client.capture.finding.units import without_port
from pi_auto.client.capture.learning.facts import Facts
from pi_auto.files import write_whole

_MOST = 1000  # scanners; the oldest are forgotten first
FILE = "learned.json"


class Learned:
    """The scanners that this device has come to know; `folder` is capture's own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._facts = _read(self._path)

    def of(self, scanner_id: str) -> Facts:
        """What is known of one; of one beside its double, at first what was known before there were two."""
        known, single = self._facts.get(scanner_id), self._facts.get(without_port(scanner_id) or "")
        return known or (single.of_a_double() if single else Facts())

    def keep(self, scanner_id: str, facts: Facts) -> None:
        """Remember it. Raises OSError if there is no room; it is known until the next start all the same."""
        if self._facts.get(scanner_id) == facts:
            return
        self._facts.pop(scanner_id, None)
        self._facts[scanner_id] = facts
        for oldest in list(self._facts)[:-_MOST]:
            del self._facts[oldest]
        content = {name: each.to_json() for name, each in self._facts.items()}
        write_whole(self._path, json.dumps({"scanners": content}))


def _read(path: Path) -> dict[str, Facts]:
    try:
        known = json.loads(path.read_text())["scanners"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: Facts.from_json(each) for name, each in known.items()} if isinstance(known, dict) else {}
