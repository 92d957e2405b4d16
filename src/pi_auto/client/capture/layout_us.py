"""Which character a key means on a US keyboard, keypad included; None where it means none.

The keypad always types digits: scanners mean them, whatever Num Lock says.
"""

from __future__ import annotations

_ROWS = (  # first key code, then the characters of it and of those that follow: plain, with Shift
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
    (86, "<", ">"),  # the key beside the left Shift of ISO keyboards
)
_KEYPAD = {55: "*", 98: "/", 117: "=", 121: ","} | {71 + i: char for i, char in enumerate("789-456+1230.")}

# Key code → the characters it types plain and with Shift.
KEYS = {
    first + i: pair for first, plain, shifted in _ROWS for i, pair in enumerate(zip(plain, shifted, strict=True))
} | {code: (char, char) for code, char in _KEYPAD.items()}


def character(code: int, *, shift: bool, caps: bool, ctrl: bool = False) -> str | None:
    """What a key types. With Ctrl that is a control character: Ctrl+] is 0x1D, the GS of GS1 codes."""
    if code not in KEYS:
        return None
    plain, shifted = KEYS[code]
    upper = shift != caps if plain.isalpha() else shift
    char = shifted if upper else plain
    return _control(char) if ctrl else char


def _control(char: str) -> str | None:
    char = char.upper()
    return chr(ord(char) & 0x1F) if "A" <= char <= "_" else None
