"""The rules of a twin's properties: what a patch may hold, and what a section is after it.

Pure. Source of the limits: Microsoft, "Understand and use device twins", and RFC 7396 for
the merge: a null deletes, objects merge, anything else replaces.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from pi_auto.wire.twin import Section, merged

MOST_BYTES = 32 * 1024  # of one section
MOST_TAGS = 8 * 1024  # bytes of all tags
MOST_DEPTH = 10
MOST_TEXT = 4096  # bytes of one string
MOST_NAME = 1024
_LARGEST_INTEGER = 4503599627370495
_FORBIDDEN = frozenset(". $") | {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}


class RefusedPatchError(ValueError):
    """A patch that IoT Hub answers with 400; the text says which rule it breaks."""


def parse_patch(body: bytes) -> Section:
    """The patch in a request. Raises RefusedPatchError."""
    if len(body) > 4 * MOST_BYTES:  # room for escapes and white space, not for a bomb
        raise RefusedPatchError(f"a patch of {len(body)} bytes; a section holds at most {MOST_BYTES}")
    try:
        patch = load(body)
    except (ValueError, RecursionError):
        raise RefusedPatchError("the body is not JSON in UTF-8") from None
    if not isinstance(patch, dict):
        raise RefusedPatchError("the patch is not a JSON object")
    _check(patch, 1)
    return patch


def merge(section: Section, patch: Section, most: int = MOST_BYTES) -> str:
    """The section after a patch, as `dump` writes it. Raises RefusedPatchError if it grows too large."""
    result = msgspec.json.encode(merged(section, patch))
    if len(result) > most:
        raise RefusedPatchError(f"the section would hold {len(result)} bytes; at most {most} are allowed")
    return result.decode()


def replacing(section: Section, patch: Section) -> Section:
    """A patch, for who can only merge, that leaves of a section what `patch` names and nothing else."""
    result: Section = {name: None for name in section if name not in patch}
    for name, value in patch.items():
        before: Any = section.get(name)
        nested = isinstance(before, dict) and isinstance(value, dict)
        result[name] = replacing(before, value) if nested else value
    return result


def load(text: str | bytes) -> Any:
    """What is written in JSON. Raises ValueError, or RecursionError of what is nested beyond all bounds."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def dump(section: Section) -> str:
    """A section as compact JSON."""
    return msgspec.json.encode(section).decode()


def as_bytes(section: Section) -> bytes:
    """A section as it goes to a device and into an event. What cannot be said in UTF-8 stays escaped."""
    return json.dumps(section, separators=(",", ":")).encode()


def _check(value: Any, depth: int) -> None:
    """Refuse whatever a twin may not hold at this depth; the section itself is at depth 1."""
    if isinstance(value, dict | list):
        if depth > MOST_DEPTH:
            raise RefusedPatchError(f"the properties are nested deeper than {MOST_DEPTH}")
        for name in value if isinstance(value, dict) else ():
            _check_name(name)
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth + 1)
    elif isinstance(value, str):
        _check_text(value, MOST_TEXT)
    elif isinstance(value, float) and not math.isfinite(value):
        raise RefusedPatchError("a number is too large")
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER + (value < 0):
        raise RefusedPatchError(f"a whole number is beyond ±{_LARGEST_INTEGER}")


def _check_name(name: str) -> None:
    _check_text(name, MOST_NAME)
    if not _FORBIDDEN.isdisjoint(name):
        raise RefusedPatchError(
            f"the name {name[:80]!r} holds a dot, a space, a dollar sign or a control character"
        )


def _check_text(text: str, most: int) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise RefusedPatchError("a string is not valid Unicode") from None
    if size > most:
        raise RefusedPatchError(f"a string of {size} bytes; at most {most} are allowed here")
