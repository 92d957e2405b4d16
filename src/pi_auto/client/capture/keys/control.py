r"""Control characters: Ctrl and a key. Ctrl+] is 0x1D, the GS of GS1 codes.

Letters go by what the key types, and where a layout has no Latin ones by where the key is, as on Windows. The
signs go by what the key types as well ([, \, ]; also under AltGr), else by where US keyboards have them: so it
is Windows' own (ü, + and # of a German keyboard are ESC, GS and FS), and so scanners type them in each country.
"""

from __future__ import annotations

from pi_auto.client.capture.keys.layout import US, Layout

_BRACKETS = {"[": "\x1b", "\\": "\x1c", "]": "\x1d"}
_BY_PLACE = {26: "\x1b", 27: "\x1d", 43: "\x1c", 7: "\x1e", 3: "\0"}
_BY_SIGN = {"^": "\x1e", "-": "\x1f", "_": "\x1f"}
_UNDERSCORE_OF_US = 12


def control_character(code: int, layout: Layout) -> str:
    """What a key types with Ctrl; empty if nothing."""
    plain = latin(code, layout)
    if plain.isascii() and plain.isalpha():
        return chr(ord(plain) & 0x1F)
    if plain == "@":
        return "\0"
    return (
        _BRACKETS.get(plain)
        or (_BRACKETS.get(layout.levels[4][code]) if code not in _BY_PLACE else None)
        or _BY_PLACE.get(code)
        or _BY_SIGN.get(plain)
        or ("\x1f" if code == _UNDERSCORE_OF_US else "")
    )


def latin(code: int, layout: Layout) -> str:
    """What a key types alone, on a US keyboard if the layout has no Latin letters; empty if nothing."""
    return (layout if layout.is_latin else US).levels[0][code] if code < len(US.levels[0]) else ""
