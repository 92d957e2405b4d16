"""Makes the tables of keyboard layouts out of xkb's, brought to what Windows has in each country.

Scanners set to a country's keyboard are made for Windows. xkb's layouts agree with it on nearly all that a
barcode holds; `RECIPES` says where not, and why. AltGr types far more in xkb than on Windows: what the code
page of Windows lacks is left out, and dead keys there are kept only where Windows has them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pi_auto.client.capture.keys.positions import POSITIONS
from pi_auto.sheet.calibration_text import TEXT
from xkb import Keymap

GRAVE, ACUTE, CIRCUMFLEX, TILDE, BREVE, DOT = "\u0300", "\u0301", "\u0302", "\u0303", "\u0306", "\u0307"
DIAERESIS, RING, DOUBLE_ACUTE, CARON, CEDILLA, OGONEK = "\u0308", "\u030a", "\u030b", "\u030c", "\u0327", "\u0328"
DIALYTIKA_TONOS = "\u0344"
SPACING = {
    GRAVE: "`", ACUTE: "´", CIRCUMFLEX: "^", TILDE: "~", BREVE: "˘", DOT: "˙", DIAERESIS: "¨", RING: "°",
    DOUBLE_ACUTE: "˝", CARON: "ˇ", CEDILLA: "¸", OGONEK: "˛", DIALYTIKA_TONOS: "΅",
}  # fmt: skip
_NONE = " "
_NO_CHARACTER = "\ufffd"
_PLAIN, _SHIFT, _ALTGR, _SHIFT_ALTGR = range(4)
_ROWS = ("PLAIN", "SHIFT", "ALTGR", "SHIFT_ALTGR")
_DIGITS = tuple(range(2, 14))
_Key = tuple[int, int]  # its code, the level


@dataclass(frozen=True)
class Recipe:
    """How a layout is made: which of xkb's, the code pages of Windows there, and what Windows does otherwise."""

    xkb: str
    ansi: str = "cp1252"
    oem: str = "cp850"
    meant: dict[_Key, str] = field(default_factory=dict)
    altgr_dead: tuple[int, ...] = ()  # keys whose dead accent under AltGr is of Windows as well
    shift_lock: tuple[int, ...] = ()  # keys that Caps Lock shifts though they are no letters
    spacing: dict[str, str] = field(default_factory=dict)
    composed: dict[str, str] = field(default_factory=dict)  # dead key → pairs beyond Unicode's own compositions


# French and Belgian Caps Lock is a lock of Shift: with it the upper row types digits.
_AZERTY_LOCK = (*_DIGITS, 27, 40, 43, 50, 51, 52, 53)
_TURKISH = {"ı": "i", "İ": "I"}
RECIPES = {
    # Key 86 is on no US keyboard. Where an uncalibrated scanner sends it, it most often means these (Windows: \|).
    "us": Recipe("us", oem="cp437", meant={(86, 2): _NONE, (86, 3): _NONE}),
    "gb": Recipe(
        "gb",
        meant={(41, 2): "¦", (41, 3): _NONE}
        | {(code, 2): char for code, char in {30: "á", 18: "é", 23: "í", 24: "ó", 22: "ú"}.items()}
        | {(code, 3): char for code, char in {30: "Á", 18: "É", 23: "Í", 24: "Ó", 22: "Ú"}.items()},
    ),
    # German Caps Lock locks Shift for these too; "German (IBM)" is the one that does not.
    "de": Recipe("de", shift_lock=(*range(2, 13), 26, 27, 43, 51, 52)),
    # On Windows ~ and ` are dead keys here: AltGr+2, then Space.
    "fr": Recipe(
        "fr(azerty)", meant={(3, 2): TILDE, (8, 2): GRAVE, (41, 1): _NONE},
        altgr_dead=(3, 8), shift_lock=_AZERTY_LOCK,
    ),
    "be": Recipe("be", altgr_dead=(40, 43, 53), shift_lock=_AZERTY_LOCK),
    "it": Recipe("it(winkeys)"),
    "es": Recipe("es(winkeys)", meant={(5, 2): TILDE}, altgr_dead=(5,)),
    "pt": Recipe("pt", altgr_dead=(26,)),
    "ch": Recipe("ch", altgr_dead=(12, 13)),
    # Windows has the dead keys of the upper row under AltGr, where xkb has the signs of a US keyboard.
    "cz": Recipe(
        "cz", "cp1250", "cp852",
        meant={(2, 2): "~", (3, 2): CARON, (4, 2): CIRCUMFLEX, (5, 2): BREVE, (6, 2): RING, (7, 2): OGONEK,
               (8, 2): GRAVE, (9, 2): DOT, (10, 2): ACUTE, (11, 2): DOUBLE_ACUTE, (12, 2): DIAERESIS,
               (13, 2): CEDILLA, (26, 2): "÷", (27, 2): "×", (40, 2): "ß", (43, 2): "¤"},
        altgr_dead=tuple(range(3, 14)),
    ),
    "hu": Recipe("hu", "cp1250", "cp852", meant={(4, 2): CIRCUMFLEX}, altgr_dead=tuple(range(3, 14))),
    "se": Recipe("se", altgr_dead=(27,)),
    "dk": Recipe("dk(winkeys)", altgr_dead=(27,)),
    "no": Recipe("no(winkeys)", altgr_dead=(13, 27)),
    "fi": Recipe("fi(winkeys)", altgr_dead=(27,)),
    # The tilde of Polish Windows is a dead key that makes all Polish letters.
    "pl": Recipe(
        "pl", "cp1250", "cp852", meant={(41, 1): TILDE, (22, 2): "€"},
        composed={TILDE: "aąAĄcćCĆeęEĘlłLŁnńNŃoóOÓsśSŚxźXŹzżZŻ"},
    ),
    "tr": Recipe(
        "tr", "cp1254", "cp857",
        meant={(4, 1): CIRCUMFLEX, (26, 2): DIAERESIS, (27, 2): TILDE, (39, 2): ACUTE, (43, 2): GRAVE,
               (23, 2): "i", (23, 3): "İ", (30, 2): "æ", (30, 3): "Æ"},
        altgr_dead=(26, 27, 39, 43),
    ),
    "ru": Recipe("ru", "cp1251", "cp866", meant={(86, 2): _NONE, (86, 3): _NONE}),
    "gr": Recipe(
        "gr", "cp1253", "cp737",
        meant={(86, 0): "<", (86, 1): ">", (17, 1): DIALYTIKA_TONOS, (39, 2): DIALYTIKA_TONOS},
        altgr_dead=(39,), spacing={ACUTE: "΄"},
    ),
    # Windows calls the yen sign a backslash; Shift+0 and the key of the input method type nothing.
    "jp": Recipe(
        "jp", "cp932", "cp932",
        meant={(124, 0): "\\", (11, 1): _NONE, (41, 0): _NONE, (41, 1): _NONE,
               (86, 0): _NONE, (86, 1): _NONE, (86, 2): _NONE},
    ),
}  # fmt: skip


def levels_of(name: str) -> list[str]:
    """The characters of all positions: plain, Shift, AltGr, Shift+AltGr; a space where there is none."""
    recipe = RECIPES[name]
    keymap = Keymap(recipe.xkb)
    rows = [[_typed(keymap, recipe, code, level) for code in POSITIONS] for level in range(4)]
    for place in range(len(POSITIONS)):
        _drop_what_altgr_does_not_change(rows, place)
    for (code, level), char in recipe.meant.items():
        rows[level][POSITIONS.index(code)] = char
    return ["".join(row) for row in rows]


def _typed(keymap: Keymap, recipe: Recipe, code: int, level: int) -> str:
    char = keymap.character(code, level)
    if char is None or not char.isprintable() or char == "\u00a0":
        return _NONE
    if char in SPACING:
        return char if level < _ALTGR or (level == _ALTGR and code in recipe.altgr_dead) else _NONE
    return char if level < _ALTGR or _is_in(char, recipe.ansi) else _NONE


def _drop_what_altgr_does_not_change(rows: list[list[str]], place: int) -> None:
    """Where a key has two levels only, xkb answers with the first two for AltGr as well."""
    if rows[_ALTGR][place] == rows[_PLAIN][place]:
        rows[_ALTGR][place] = _NONE
    if rows[_SHIFT_ALTGR][place] in (rows[_SHIFT][place], rows[_ALTGR][place]):
        rows[_SHIFT_ALTGR][place] = _NONE


def caps_of(name: str, levels: list[str]) -> str:
    """The positions of keys that Caps Lock shifts: letters in two sizes, and those where Windows locks Shift."""
    letters = {
        code
        for code, plain, shifted in zip(POSITIONS, levels[_PLAIN], levels[_SHIFT], strict=True)
        if plain.islower() and shifted.isupper()
    }
    return "".join("x" if code in letters or code in RECIPES[name].shift_lock else _NONE for code in POSITIONS)


def compositions_of(name: str, levels: list[str]) -> dict[str, str]:
    """For each dead key its accent alone, then pairs: a letter, and the letter with the accent."""
    recipe = RECIPES[name]
    dead = sorted({char for row in levels for char in row if char in SPACING})
    return {
        accent: (recipe.spacing.get(accent) or SPACING[accent])
        + (recipe.composed.get(accent) or "".join(_pairs(accent, recipe.ansi, _bases(name, levels))))
        for accent in dead
    }


def _bases(name: str, levels: list[str]) -> list[str]:
    typed = {char for row in levels[:2] for char in row if char.isalpha()}
    return sorted(typed if name != "tr" else typed | {"i"})


def _pairs(accent: str, ansi: str, bases: list[str]) -> Iterator[str]:
    for base in bases:
        letter = _TURKISH.get(base, base) if ansi == "cp1254" else base
        composed = unicodedata.normalize("NFC", letter + accent)
        if len(composed) == 1 and _is_in(composed, ansi):
            yield base + composed


def _is_in(char: str, code_page: str) -> bool:
    try:
        return len(char.encode(code_page)) == 1
    except UnicodeEncodeError:
        return False


def upper_half(code_page: str) -> str:
    """The characters 128 to 255 of a code page; below 160 a byte without one is a control character."""
    return "".join(_of_byte(byte, code_page) for byte in range(128, 256))


def _of_byte(byte: int, code_page: str) -> str:
    try:
        char = bytes([byte]).decode(code_page)
    except UnicodeDecodeError:
        return chr(byte) if byte < 0xA0 and code_page != "cp932" else _NO_CHARACTER
    return _NO_CHARACTER if "\ue000" <= char <= "\uf8ff" else char


def table(name: str) -> str:
    """The module of a layout."""
    levels, recipe = levels_of(name), RECIPES[name]
    lines = [
        f'"""What the keys of a {name} keyboard type. Made by script/layouts of xkb\'s {recipe.xkb}."""',
        "",
        *(
            f"{key} = {_literal(row)}"
            for key, row in zip(("PLAIN", "SHIFT", "ALTGR", "SHIFT_ALTGR"), levels, strict=True)
        ),
        f"CAPS = {_literal(caps_of(name, levels))}",
        *_dict("COMPOSED", compositions_of(name, levels)),
        f"ANSI = {_literal(upper_half(recipe.ansi))}",
        f"OEM = {_literal(upper_half(recipe.oem))}",
    ]
    return "\n".join(lines) + "\n"


def _dict(key: str, content: dict[str, str]) -> list[str]:
    if not content:
        return [f"{key}: dict[str, str] = {{}}"]
    entries = (f"    {_literal(name)}: {_literal(value)}," for name, value in content.items())
    return [f"{key}: dict[str, str] = {{", *entries, "}"]


def _literal(text: str) -> str:
    escaped = (char if char.isprintable() and not unicodedata.combining(char) else _escape(char) for char in text)
    return '"' + "".join("\\\\" if char == "\\" else '\\"' if char == '"' else char for char in escaped) + '"'


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}"


def betraying(text: str) -> str:
    """The module that says with which keys each layout types the calibration code."""
    lines = [
        '"""Which keys type the calibration code on each layout. Made by script/layouts: do not edit."""',
        "",
        "# Pairs: a character whose number is the key code + 128 for Shift, + 256 for AltGr; then what it types.",
        "KEYS = {",
        *(f"    {_literal(name)}: {_literal(_betraying_keys(name, text))}," for name in RECIPES),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _betraying_keys(name: str, text: str) -> str:
    return "".join(
        chr(code + 128 * level) + char
        for level, row in enumerate(levels_of(name))
        for code, char in zip(POSITIONS, row, strict=True)
        if char in text and char != _NONE
    )


def write(folder: Path) -> None:
    """Write the table of each layout, and what tells them apart, into the folder of keys/."""
    for name in RECIPES:
        (folder / "tables" / f"{name}.py").write_text(table(name))
    (folder / "betraying.py").write_text(betraying(TEXT))
