"""Releases under other versions, to be upgraded from and to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_BUILT = 1_704_067_200  # seconds since 1970


def release_of(version: str, changes: Mapping[str, str] | None = None) -> bytes:
    """The present code as pi_auto_client.py of another version, with some files changed or added."""
    sys.path.insert(0, str(_ROOT / "packaging"))
    try:
        from archive import as_zipapp  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
        from contents import File, release_files  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    finally:
        sys.path.pop(0)
    (packages,) = (_ROOT / ".venv/lib").glob("python3*/site-packages")
    new = {"appliance/version": f"{version}\n"} | dict(changes or {})
    files = [file for file in release_files(_ROOT, packages, _BUILT) if file.name not in new]
    files += [File(name, text.encode()) for name, text in new.items()]
    made: bytes = as_zipapp(sorted(files), _BUILT)
    return made
