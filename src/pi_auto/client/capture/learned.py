"""Which keyboards have shown by their rhythm that they are scanners, by their stable names.

Kept in a small file, so that a scanner is judged once and not after each start. A file that
cannot be read costs only that: they are judged again.
"""

from __future__ import annotations

import json
from pathlib import Path

from pi_auto.files import write_whole

_MOST = 1000  # scanners; the oldest are forgotten first
FILE = "learned.json"


class Learned:
    """The scanners that this device has come to know; `folder` is capture's own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._ids = _read(self._path)

    def __contains__(self, scanner_id: object) -> bool:
        return scanner_id in self._ids

    def add(self, scanner_id: str) -> None:
        """Remember one. Raises OSError if there is no room; it is known until the next start all the same."""
        if scanner_id not in self._ids:
            self._ids = [*self._ids, scanner_id][-_MOST:]
            write_whole(self._path, json.dumps({"scanners": self._ids}))


def _read(path: Path) -> list[str]:
    try:
        known = json.loads(path.read_text())["scanners"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [each for each in known if isinstance(each, str)] if isinstance(known, list) else []
