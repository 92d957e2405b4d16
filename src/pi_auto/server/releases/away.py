"""Keeps the keys of releases away from servers: whoever takes a server over must find none there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pi_auto.server.releases.errors import ReleaseError
from pi_auto.server.store.engine import BOOKS

_MARKS = (BOOKS, "trust/authority.sealed", "trust/admin.sock", "hub/hub.sock")


def refuse_servers(folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Raise ReleaseError where `folder` lies in a server's data, or holds a server's data."""
    place = folder.resolve()
    named = environment.get("PI_AUTO_DATA")
    data = Path(named).resolve() if named else None
    if data and (place.is_relative_to(data) or data.is_relative_to(place)):
        raise _refusal(folder, data)
    for parent in (place, *place.parents):
        if _is_data(parent):
            raise _refusal(folder, parent)
    for within in _folders(place):
        if _is_data(within):
            raise _refusal(folder, within)


def _is_data(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _MARKS)


def _folders(place: Path) -> Iterator[Path]:
    for parent, names, _ in os.walk(place):
        yield from (Path(parent, name) for name in names)


def _refusal(folder: Path, data: Path) -> ReleaseError:
    return ReleaseError(
        f"{folder} is refused: {data} is a server's data folder, and the keys of releases must lie on no server;"
        " run this on another machine, and name a folder there"
    )
