"""Reads JSON of which a signature or a secret depends: small, in UTF-8, and with one meaning only.

JSON lets a name stand twice, and readers differ in which one holds: what was signed and what
is obeyed could be two things. So it is refused, as are NaN, numbers that are too large to be kept, towers of
brackets and broken text.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from pi_auto.wire.errors import FieldError

_MOST_SHOWN = 20  # digits
_ALLOWED = "one JSON object in UTF-8 in which no name stands twice"


def read_strictly(octets: bytes, what: str, *, most: int) -> dict[str, Any]:
    """The object that `octets` hold. Raises FieldError that names it as `what`; nothing of it is shown."""
    if len(octets) > most:
        raise FieldError(what, f"{len(octets)} bytes", f"at most {most} bytes")
    try:
        value = json.loads(octets.decode(), object_pairs_hook=_once, parse_constant=no_number, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise FieldError(what, f"not that ({_why(error)})", _ALLOWED) from None
    if not isinstance(value, dict):
        raise FieldError(what, "no object", _ALLOWED)
    return value


def write_plainly(value: dict[str, Any]) -> bytes:
    """The object as bytes: names sorted, no blanks, so that the same object always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def no_number(word: str) -> NoReturn:
    """For `parse_constant`: NaN and Infinity, which Python reads and JSON has not. Raises ValueError."""
    raise ValueError(f"{word} is no number")


def finite(digits: str) -> float:
    """For `parse_float`: Python makes infinity of 1e999, which JSON cannot be written with. Raises ValueError."""
    value = float(digits)
    if not math.isfinite(value):
        no_number(digits[:_MOST_SHOWN])
    return value


def _why(error: Exception) -> str:
    """What is wrong and where. JSON's own words show a place, never the text."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
