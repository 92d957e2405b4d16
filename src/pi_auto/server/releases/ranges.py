"""Which bytes a request wants of a file, by its `Range` header. Pure.

Source: RFC 9110, 14. A header that is not of the form counts as none; one whose ranges lie beyond the
file, overlap or run backwards is refused, since no client of ours sends it and others do for mischief.
"""

from __future__ import annotations

import re
from itertools import pairwise

MOST_RANGES = 128
MOST_HEADER = 4096  # characters
_UNIT = "bytes="
_ONE = re.compile(r"(?:([0-9]{1,15})-([0-9]{1,15})?|-([0-9]{1,15}))\Z")


class NotSatisfiable(Exception):  # noqa: N818 - the name of the status, 416
    """No part of the file can be sent for these ranges."""


def wanted(header: str | None, size: int) -> list[tuple[int, int]] | None:
    """First byte and the one after the last, of each range in its order; None where all of it is wanted.

    Raises NotSatisfiable.
    """
    if not header or not header.lower().startswith(_UNIT) or len(header) > MOST_HEADER:
        return None
    texts = [text.strip() for text in header[len(_UNIT) :].split(",")]
    found = [_ONE.match(text) for text in texts if text]
    if not found or not all(found):
        return None
    if len(found) > MOST_RANGES:
        raise NotSatisfiable
    ranges = [bounds for one in found if one and (bounds := _bounds(one, size))]
    if not ranges or any(later[0] < former[1] for former, later in pairwise(ranges)):
        raise NotSatisfiable
    return ranges


def content_range(start: int, stop: int, size: int) -> str:
    """The header of one part."""
    return f"bytes {start}-{stop - 1}/{size}"


def _bounds(found: re.Match[str], size: int) -> tuple[int, int] | None:
    """None where nothing of it is in the file."""
    first, last, suffix = found.groups()
    if suffix is not None:
        return (max(0, size - int(suffix)), size) if int(suffix) and size else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None
