"""The style sheet, the script and the icon: read once, served under names that change with their content.

A name that holds a digest can be cached for ever; a new release has new names.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: the name it is served under, its type and its bytes."""

    stamped: str
    type: str
    content: bytes


def _read(name: str) -> Asset:
    content = files("pi_auto.server.console").joinpath("static", name).read_bytes()
    stem, _, suffix = name.rpartition(".")
    return Asset(f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{suffix}", _TYPES[name], content)


_ASSETS = {name: _read(name) for name in _TYPES}
_BY_STAMPED = {asset.stamped: asset for asset in _ASSETS.values()}


def stamped(name: str) -> str:
    """The name that a file is served under."""
    return _ASSETS[name].stamped


def find_asset(stamped: str) -> Asset | None:
    """The file behind a served name; nothing where no file has that name with that content."""
    return _BY_STAMPED.get(stamped)
