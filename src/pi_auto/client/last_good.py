"""The settings as they last worked: a slip in an editor must not stop scanning.

Each of the two programs keeps its own copy of the settings file in its own folder, each
time the file could be used, and goes on with that copy when the file cannot be.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pi_auto.client.settings import DEFAULT_FILE, DEFAULT_STATE, Settings, SettingsError
from pi_auto.files import write_whole

COPY = "settings.json"
log = logging.getLogger("pi_auto.settings")


def load_or_last_good(file: Path | None, given: Mapping[str, Any], program: str) -> Settings:
    """What `Settings.load` makes of the file, or else of the copy that `program` (capture, agent) has kept.

    Raises SettingsError about the file where there is no good copy either.
    """
    source = file or DEFAULT_FILE
    content = _content(source)
    try:
        settings = Settings.load(file, given)
    except SettingsError as error:
        return _fall_back(error, given, program)
    if content is not None:
        _keep(content, settings.state / program / COPY)
    return settings


def last_good(given: Mapping[str, Any], program: str) -> Settings:
    """What `program` has kept. Reads only; raises SettingsError if that is not there, or no use."""
    return Settings.load(_copy_of(given, program), given)


def _fall_back(error: SettingsError, given: Mapping[str, Any], program: str) -> Settings:
    try:
        settings = last_good(given, program)
    except SettingsError:
        raise error from None
    copy = _copy_of(given, program)
    log.error("%s; going on with the settings that last worked, kept in %s", error, copy)
    return settings


def _copy_of(given: Mapping[str, Any], program: str) -> Path:
    return Path(given.get("state") or DEFAULT_STATE) / program / COPY


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _keep(content: bytes, copy: Path) -> None:
    """Keep it, if it is news. A disk that takes no copy is no reason not to start."""
    try:
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _content(copy) != content:
            write_whole(copy, content, mode=0o600)
    except OSError as error:
        log.warning("the settings cannot be kept in %s: %s", copy, error.strerror)
