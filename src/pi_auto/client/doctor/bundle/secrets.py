"""The device's own secrets, read from where it keeps them, to be looked for by their very letters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pi_auto.wire.fields import SECRETS

_FILES = ("identity.json*", "registration.json*")  # those that were found damaged as well
_WORDS = ("batch_token*", "device_key.pem*")  # each word of them is a secret, or looks like none
_MOST = 256 * 1024  # bytes
_LEAST = 16  # characters: BEGIN and its like stay words
_NAMED = re.compile(rf'"({"|".join(sorted(SECRETS))})"\s*:\s*"([^"]+)"')
_KEY = re.compile(r"SharedAccessKey=([^;\"\s]+)")


def own_secrets(folder: Path) -> set[str]:
    """All that the agent keeps in `folder`; none of what this user may not read."""
    found: set[str] = set()
    for pattern in _FILES:
        for file in _files(folder, pattern):
            content = _content(file)
            found.update(_KEY.findall(content))
            found.update(value for _, value in _NAMED.findall(content))
            found.update(_in(_parsed(content)))
    for pattern in _WORDS:
        for file in _files(folder, pattern):
            found.update(word for word in _content(file).split() if len(word) >= _LEAST)
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _in(value: Any) -> Iterator[str]:
    """The strings that stand under the name of a secret, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in SECRETS and isinstance(inner, str):
                yield inner
            else:
                yield from _in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _in(inner)
