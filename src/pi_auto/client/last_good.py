"""The settings as they last worked: a slip in an editor must not stop scanning.

Each of the two programs keeps its own copy of the settings file in its own folder, each
time the file could be used, and goes on with that copy when the file cannot be.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from pi_auto.client.settings import (
    DEFAULT_FILE,
    DEFAULT_STATE,
    MOST_FILE,
    CommandLineError,
    Settings,
    SettingsError,
)
from pi_auto.files import write_whole
from pi_auto.typed import Any

COPY = "settings.json"
CAPTURE = "capture"  # the program that talks to nobody
log = logging.getLogger("pi_auto.settings")


def load_or_last_good(file: Path | None, given: Mapping[str, Any], program: str) -> Settings:
    """What `Settings.load` makes of the file, or else of the copy that `program` (capture, agent) has kept.

    Raises SettingsError about the file where there is no good copy either.
    """
    try:
        return load_and_keep(file, given, program)
    except SettingsError as error:
        settings, fault = last_good(given, program), str(error)
        if settings is None:
            raise
    log.error("%s; going on with the settings that last worked, kept by %s", fault, program)
    return settings


def load_and_keep(file: Path | None, given: Mapping[str, Any], program: str) -> Settings:
    """What `Settings.load` makes of the file, whose copy is then the last good one. Raises SettingsError."""
    content = _content(file or DEFAULT_FILE)
    settings = _load(file, given, program)
    if content is not None:
        _keep(content, settings.state / program / COPY)
    return settings


def load_to_look(file: Path | None, given: Mapping[str, Any]) -> tuple[Settings, str]:
    """The settings as the services have them, for a command that only looks; and what is wrong with the file.

    Raises SettingsError where it has never worked, or the command line is at fault.
    """
    try:
        return Settings.load(file, given), ""
    except CommandLineError:
        raise
    except SettingsError as error:
        for program in ("agent", "capture"):
            if settings := last_good(given, program):
                return settings, f"{error}; the services go on with the settings that last worked"
        raise


def last_good(given: Mapping[str, Any], program: str) -> Settings | None:
    """The settings that last worked for `program`, if this user may read them."""
    try:
        return _load(_copy_of(given, program), given, program)
    except SettingsError:
        return None


def _load(file: Path | None, given: Mapping[str, Any], program: str) -> Settings:
    return Settings.load(file, given, judges_server=program != CAPTURE)


def _copy_of(given: Mapping[str, Any], program: str) -> Path:
    return Path(given.get("state") or DEFAULT_STATE) / program / COPY


def _content(file: Path) -> bytes | None:
    """No more of it than is refused for its size."""
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_FILE + 1)
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
