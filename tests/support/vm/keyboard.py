"""Which of QEMU's key names type a text on a US keyboard."""

from __future__ import annotations

from collections.abc import Iterator

_PLAIN = {
    " ": "spc", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon",
    "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot", "/": "slash",
}  # fmt: skip
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))


def keys_for(text: str, *, enter: bool = True) -> Iterator[tuple[str, ...]]:
    """The keys to hold together, one combination a character, Enter at the end."""
    for char in text:
        base = _SHIFTED.get(char, char)
        key = _PLAIN.get(base, base.lower())
        yield ("shift", key) if char in _SHIFTED or char.isupper() else (key,)
    if enter:
        yield ("ret",)
