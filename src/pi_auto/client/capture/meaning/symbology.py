"""AIM identifiers: three characters in front of a code that say which symbology it was printed in.

Source: ISO/IEC 15424. A scanner sends one if it is set to. Text goes in; the identifier, if there
is one, and the rest come out, and names for identifiers.
"""

from __future__ import annotations

_DIGITS = "0123456789"
_HEX = "0123456789ABCDEF"

# Letter: name, and the modifiers that exist. An unknown pair is text, such as that of a code that begins with ]He.
_LETTERS = {
    "A": ("code-39", _HEX),
    "B": ("telepen", _DIGITS),
    "C": ("code-128", "0124"),
    "D": ("code-one", _DIGITS),
    "E": ("ean-13", "01234"),
    "F": ("codabar", _DIGITS),
    "G": ("code-93", _DIGITS),
    "H": ("code-11", _DIGITS),
    "I": ("itf", _DIGITS),
    "K": ("code-16k", _DIGITS),
    "L": ("pdf417", _DIGITS),
    "M": ("msi", _DIGITS),
    "N": ("anker", _DIGITS),
    "O": ("codablock", _DIGITS),
    "P": ("plessey", _DIGITS),
    "Q": ("qr-code", "0123456"),
    "R": ("straight-2-of-5", _DIGITS),
    "S": ("straight-2-of-5", _DIGITS),
    "T": ("code-49", _DIGITS),
    "U": ("maxicode", _DIGITS),
    "X": (None, _HEX),  # whatever its maker says
    "Y": (None, _HEX),
    "Z": (None, _HEX),  # typed in, or from a magnetic stripe: no barcode
    "J": ("dotcode", _DIGITS),
    "c": ("channel-code", _DIGITS),
    "d": ("data-matrix", "0123456"),
    "e": ("gs1-databar", "0123"),
    "h": ("han-xin", _DIGITS),
    "o": ("ocr", _DIGITS),
    "p": ("posicode", _DIGITS),
    "s": ("supercode", _DIGITS),
    "z": ("aztec", _HEX),
}
_EXACTLY = {
    "]C1": "gs1-128",
    "]C4": "isbt-128",
    "]E1": "ean-2",
    "]E2": "ean-5",
    "]E4": "ean-8",
    "]J1": "gs1-dotcode",
    "]Q3": "gs1-qr",
    "]Q4": "gs1-qr",
    "]d2": "gs1-datamatrix",
    "]d5": "gs1-datamatrix",
    "]e1": "gs1-composite",
    "]e2": "gs1-composite",
    "]e3": "gs1-composite",
}
_GS1 = frozenset(name for name in _EXACTLY.values() if name.startswith("gs1")) | {"gs1-databar"}
AIM_LENGTH = 3


def split_aim(text: str) -> tuple[str | None, str]:
    """The AIM identifier that a text begins with, or None, and the text without it."""
    aim = text[:AIM_LENGTH]
    return (aim, text[AIM_LENGTH:]) if is_aim(aim) else (None, text)


def is_aim(aim: str) -> bool:
    """Whether this is an AIM identifier that exists."""
    if len(aim) != AIM_LENGTH or aim[0] != "]":
        return False
    _, modifiers = _LETTERS.get(aim[1], (None, ""))
    return aim[2] in modifiers


def symbology_of(aim: str) -> str | None:
    """The name of the symbology that an AIM identifier stands for, as far as it alone can tell."""
    return _EXACTLY.get(aim) or _LETTERS[aim[1]][0]


def holds_element_string(symbology: str) -> bool:
    """Whether a symbology by this name carries GS1 element strings and nothing else."""
    return symbology in _GS1
