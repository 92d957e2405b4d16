"""The data folder that is named to a command beside the server: one that is there, and the server's."""

from __future__ import annotations

import os
from pathlib import Path

from pi_auto.server.errors import CommandFailed
from pi_auto.server.settings import SettingsError

_NO_OTHERS = {"lost+found", "releases"}  # a disk's own, and what a release is handed in by


def existing_data(named: Path | str | None) -> Path:
    """The data folder of a server, for a command beside it, which makes none.

    Raises CommandFailed, and SettingsError where none is named: `--data "$UNSET"` is not the folder one stands in.
    """
    if not named:
        raise SettingsError("no data folder is named; name one with --data DIR or PI_AUTO_DATA")
    data = Path(named).absolute()
    try:
        is_there = data.is_dir()
    except PermissionError:  # nor is what it lies in for this user
        is_there = True
    if not is_there:
        raise CommandFailed(f"--data is {data}, which is no folder; name that of the server")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise CommandFailed(
            f"--data is {data}, which is not for this user; run it as the server's user, or by sudo"
        )
    return data


def fleets_data(named: Path | str | None) -> Path:
    """The same for a command that begins a fleet where there is none: in an empty folder, and in no other."""
    data = existing_data(named)
    if (data / "trust").exists() or not {path.name for path in data.iterdir()} - _NO_OTHERS:
        return data
    from pi_auto.server.store.engine import BOOKS, RESTORING  # noqa: PLC0415 - --help does not need it

    if not (data / BOOKS).exists() and not (data / RESTORING).exists():
        raise CommandFailed(f"--data is {data}, which holds other things and no books; name that of the server")
    return data
