"""The port that a hub had last, kept so that devices find it again where any port would do."""

from __future__ import annotations

import logging
from pathlib import Path

from pi_auto.files import write_whole

_log = logging.getLogger(__name__)


class LastPort:
    """Kept in the file `path`; without it any port is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """The port, 0 where none is known."""
        try:
            port = int(self._path.read_text())
        except (OSError, ValueError):
            return 0
        return port if 0 < port <= 65535 else 0

    def keep(self, port: int) -> None:
        """Keep it, if that is possible."""
        try:
            write_whole(self._path, f"{port}\n")
        except OSError as error:
            _log.warning("the hub's port cannot be kept for its next start: %s", error)
