"""Writes the settings file: keeps what is in it, sets what is asked for, refuses what the client cannot run with.

For people (`pi-auto-client configure`) and the installer. The services only read the file; what
the device learns by itself lies in its state folder. It holds no secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pi_auto.client.settings import MOST_FILE, Settings, SettingsError
from pi_auto.files import fsync_folder, write_whole

OF_THIS_DEVICE = {"device_id"}
OF_ITS_SERVER = {
    "fleet_card",
    "trust_first_server",
    "server_url",
    "server_address",
    "server_name",
    "server_ca",
    "proxy",
    "insecure_plain_http",
}


def configure(
    file: Path,
    changes: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    unset: Iterable[str] = (),
) -> None:
    """Write `changes` (those that are not None) to `file`, and `defaults` where it says nothing.

    The settings in `unset` are taken out. Raises SettingsError, having changed nothing, if `file` is broken or the
    result would be wrong.
    """
    held = written_in(file)
    given = {name: value for name, value in changes.items() if value is not None}
    gone = _checked(unset, given)
    kept = {**(defaults or {}), **{name: value for name, value in held.items() if name not in gone}}
    Settings.of({name: value for name, value in kept.items() if name not in given}, file, given)
    wanted = {**kept, **given}
    if wanted != held or not file.exists():
        write_whole(file, _as_text(wanted))
    file.chmod(0o644)  # whatever the umask: the services have to read it


def forget(file: Path, *, server: bool) -> None:
    """Take out of `file` which device this is, and with `server` whose; wrong values are left as they are.

    What is no setting of this client goes as well: an older one kept its connection string there. A file that
    holds no settings goes as a whole. Raises OSError.
    """
    gone = OF_THIS_DEVICE | (OF_ITS_SERVER if server else set())
    known = {field.name for field in fields(Settings)} - gone
    try:
        held = written_in(file)
    except SettingsError:
        file.unlink()
        fsync_folder(file.parent)
        return
    if held:
        write_whole(file, _as_text({name: value for name, value in held.items() if name in known}))


def written_in(file: Path) -> dict[str, Any]:
    """What people have written there, unchecked; nothing if there is no file. Raises SettingsError."""
    if not file.exists():
        return {}
    try:
        with file.open("rb") as opened:
            held = json.loads(opened.read(MOST_FILE))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: is not JSON: {error}") from None
    if not isinstance(held, dict):
        raise SettingsError(f"{file}: holds no JSON object of settings")
    return held


def _checked(unset: Iterable[str], given: Mapping[str, Any]) -> set[str]:
    """Names as the settings file has them, from such or from options."""
    gone, known = {name.replace("-", "_") for name in unset}, {field.name for field in fields(Settings)}
    if strange := sorted(gone - known):
        raise SettingsError(f"unset: no setting is named {strange[0]!r}; allowed: {', '.join(sorted(known))}")
    if both := sorted(gone & given.keys()):
        raise SettingsError(f"{both[0]} is set and unset at once; allowed: one of them")
    return gone


def _as_text(settings: Mapping[str, Any]) -> str:
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, which JSON can name and UTF-8 cannot
        return json.dumps(settings, indent=2) + "\n"
    return text
