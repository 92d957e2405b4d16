"""`pi-auto-client scanners --set ID …`: what a person sets of one scanner, written where capture looks.

Runs as capture's user, whose folder it is. What the fleet sets stands over it. A setting is never an
order that can be lost: it stands in the file until it is taken back.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pi_auto.client.bulletin import posts_in
from pi_auto.client.rights import CAPTURE, become
from pi_auto.client.scanner_settings import FILE, read_settings
from pi_auto.client.settings import Settings
from pi_auto.client.status.devices import Devices, described, refuse
from pi_auto.files import write_whole
from pi_auto.wire.escape import printable
from pi_auto.wire.scanner_settings import SCANNERS, ScannerSettings, changes, key_of

_WORD_BYTES = 4


def set_scanner(settings: Settings, scanner_id: str, given: Mapping[str, str | bool]) -> int:
    """Set `layout` and `kind`, or NONE, and what is asked for once (`calibrate`, `forget`); the exit code."""
    try:
        with suppress(LookupError):  # nothing is installed here, so there is nobody to be instead
            become(CAPTURE)
        known = Devices.told_in(posts_in(settings.capture_folder)).scanners or []
        file = settings.capture_folder / FILE
        written = read_settings(file)
    except PermissionError:
        return refuse(settings)
    if scanner_id not in {one["id"] for one in known} and key_of(scanner_id) not in _entries(written):
        named = "; ".join(f"{one['id']}: {described(one)}" for one in known) or "none is plugged in"
        print(f"pi-auto-client scanners: no scanner {scanner_id!r}; allowed: {printable(named)}", file=sys.stderr)
        return 2
    return _write(file, written, scanner_id, given)


def _write(file: Path, written: dict[str, Any], scanner_id: str, given: Mapping[str, str | bool]) -> int:
    entries = _entries(written)
    entry = {**entries.get(key_of(scanner_id), {}), **changes(given, lambda: os.urandom(_WORD_BYTES).hex())}
    entry = {name: value for name, value in entry.items() if value is not None}
    settings = ScannerSettings.from_json(entry)
    try:
        write_whole(file, json.dumps({SCANNERS: {**entries, key_of(scanner_id): entry}}, indent=2), mode=0o640)
    except OSError as error:
        print(f"pi-auto-client scanners: {file}: {error.strerror}; use sudo", file=sys.stderr)
        return 1
    print(f"{printable(scanner_id)}: {_said(settings)}")
    return 0


def _entries(written: dict[str, Any]) -> dict[str, Any]:
    entries = written.get(SCANNERS)
    usable = entries.items() if isinstance(entries, dict) else ()
    return {key: entry for key, entry in usable if isinstance(entry, dict)}


def _said(settings: ScannerSettings) -> str:
    held = [f"layout {settings.layout}" if settings.layout else "", f"a {settings.kind}" if settings.kind else ""]
    return ", ".join(word for word in held if word) or "nothing is set; what was learned holds"
