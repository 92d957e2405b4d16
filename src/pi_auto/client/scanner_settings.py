"""The file in capture's folder of what people set about scanners: a command writes it, capture reads it."""

from __future__ import annotations

import json
from pathlib import Path

FILE = "scanner_settings.json"
_MOST = 64 * 1024  # bytes


def read_settings(file: Path) -> dict[str, object]:
    """What stands in it; nothing if it cannot be read. Raises PermissionError if that is not for this user."""
    try:
        with file.open("rb") as opened:
            section = json.loads(opened.read(_MOST))
    except PermissionError:
        raise
    except (OSError, ValueError, RecursionError):
        return {}
    return section if isinstance(section, dict) else {}
