"""Which of QEMU's key events type a text on a US keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PLAIN = {
    " ": "spc", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon",
    "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash",
}  # fmt: skip
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))


def strokes_for(text: str, *, enter: bool = True) -> Iterator[list[dict[str, Any]]]:
    """For each character the events that press and release its keys, Enter at the end."""
    for char in text:
        base = _SHIFTED.get(char, char)
        key = _PLAIN.get(base, base.lower())
        yield _stroke("shift", key) if char in _SHIFTED or char.isupper() else _stroke(key)
    if enter:
        yield _stroke("ret")


def _stroke(*keys: str) -> list[dict[str, Any]]:
    return [_event(key, down=True) for key in keys] + [_event(key, down=False) for key in reversed(keys)]


def _event(key: str, *, down: bool) -> dict[str, Any]:
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
