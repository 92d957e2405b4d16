"""Draws text as a Code 128 barcode, in code set B: the printable characters of ASCII.

Text goes in; the widths of bars and spaces come out, in modules, a bar first. Source: ISO/IEC 15417.
"""

from __future__ import annotations

from collections.abc import Iterator

QUIET_ZONE = 10  # modules of white on either side
_FIRST, _LAST = " ", "~"
_START_B, _STOP = 104, "2331112"
_PATTERNS = (  # of the values 0 to 105, six digits each
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222"
    "123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321"
    "232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121"
    "313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224"
    "111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113"
    "114311411113411311113141114131311141411131211412211214211232"
)


def widths(text: str) -> tuple[int, ...]:
    """Bars and spaces in turn, without the quiet zones. ValueError if a character is not printable ASCII."""
    values = [_START_B, *_values(text)]
    check = (values[0] + sum(place * value for place, value in enumerate(values))) % 103
    patterns = (_PATTERNS[6 * value : 6 * value + 6] for value in (*values, check))
    return tuple(map(int, "".join(patterns) + _STOP))


def _values(text: str) -> Iterator[int]:
    for character in text:
        if not _FIRST <= character <= _LAST:
            raise ValueError(f"{character!a} cannot be drawn; allowed: the printable characters of ASCII")
        yield ord(character) - ord(_FIRST)
