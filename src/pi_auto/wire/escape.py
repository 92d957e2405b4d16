r"""Text from outside, made fit for a log line or a terminal.

A barcode can hold a line feed, an escape sequence or a right-to-left override. Shown as
they are they forge log lines and drive terminals, so every control, format and
unassigned character is shown as `\n`, `\x1b` or `\u202e`. A backslash is doubled: what is
shown can be read back without doubt.
"""

from __future__ import annotations

import unicodedata

_NAMED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text with everything invisible or commanding escaped."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
