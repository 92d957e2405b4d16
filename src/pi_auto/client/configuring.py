"""Writes the settings file: keeps what is in it, sets what is asked for, refuses what the client cannot run with.

For people (`pi-auto-client configure`) and the installer. The services only read the file; what
the device learns by itself lies in its state folder. It holds no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pi_auto.client.settings import Settings, SettingsError
from pi_auto.files import write_whole

_MOST = 64 * 1024  # bytes


def configure(file: Path, changes: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> None:
    """Write `changes` (those that are not None) to `file`, and `defaults` where it says nothing.

    Raises SettingsError, having changed nothing, if `file` is broken or the result would be wrong.
    """
    held = _held(file)
    given = {name: value for name, value in changes.items() if value is not None}
    wanted = {**(defaults or {}), **held, **given}
    Settings.load(file if file.exists() else None, wanted)
    if wanted != held or not file.exists():
        write_whole(file, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
    file.chmod(0o644)  # whatever the umask: the services have to read it


def _held(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    Settings.load(file)  # says what is wrong with it
    try:
        held = json.loads(file.read_bytes()[:_MOST])
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    return held if isinstance(held, dict) else {}
