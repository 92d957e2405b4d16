"""Tells a binding code from a scan, also one that was read by the wrong keyboard layout, or in pieces.

Text in, yes or no out. It errs towards yes: no other code begins so. A code that was read by a wrong layout is
kept away and not mended: the person is shown that it failed, and calibrates the scanner.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"PIAUTO:", re.IGNORECASE)
# `PIAUTO:1` as one layout reads the keys of another (tests/client/binding reads through all of them).
_WORDS = "p[iıİ][aq]uto|πι[α:]θτο|зш[фй]гещ"  # noqa: RUF001 - other alphabets
_GARBLED = re.compile(rf"(?:{_WORDS})[^-\s#0-9][1!&+']", re.IGNORECASE)
_WHOLE = re.compile(r"PIAUTO:1/[A-Z0-9]+/[A-Z2-7]{32}/[A-Z2-7]{26}/[^/]*/[A-Z2-7]{4}\s*\Z", re.IGNORECASE)
_MOST = 1024  # characters looked into, since the reader has no time; a code has some 130
_UNSEEN = dict.fromkeys(range(32)) | {127: None, 0xFEFF: None}


def is_binding(text: str) -> bool:
    """Whether a code may be one that binds a device to a fleet: the whole of one, or the piece with its head."""
    plain = text[:_MOST].translate(_UNSEEN)
    return bool(_PLAIN.search(plain) or _GARBLED.search(plain))


def is_whole(text: str) -> bool:
    """Whether nothing of it is still to come."""
    return bool(_WHOLE.search(text[:_MOST].translate(_UNSEEN)))


def plain(text: str) -> str:
    """The code alone: without what a scanner puts before and behind it, and in capitals, of which it is made."""
    seen = text[:_MOST].translate(_UNSEEN)
    found = _PLAIN.search(seen)
    return seen[found.start() :].strip().upper() if found else seen
