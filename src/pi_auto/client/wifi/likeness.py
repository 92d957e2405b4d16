"""Tells a Wi-Fi code from a scan, also one that was read by the wrong keyboard layout, or in pieces.

Text in, yes or no out. It errs towards yes only where no real code looks like that: whatever is taken for a
Wi-Fi code is not stored. Which signs a wrong layout makes of `:` and `;` is hardly told here: they stay the same
throughout a code, and its field names stand between them (tests/client/wifi reads through all layouts).
Source: the format as ZXing describes it, and the WPA3 specification, section 7.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

_HEAD = re.compile(r"\s*(?:\][A-Za-z][0-9A-Za-z])?\s*WIFI:", re.IGNORECASE)
_ANYWHERE = re.compile(r"WIFI:\s*[A-Z][A-Z0-9]{0,3}:", re.IGNORECASE)  # behind a prefix, or glued to another code
# `WIFI` as some layout reads the keys of another; dead keys have swallowed a letter of the Greek ones.
_WORDS = "[wzy][iı]f[iı]|[΅ζ]ιφι|ΐφι|[ця]шаш"  # noqa: RUF001 - other alphabets
_FIELD = "(?i:[tsphrieaтеызршкуτσςπηριεα])"  # noqa: RUF001
_COLON = "(?:(?P=colon)|(?<=[´`^¨΄].)\\w)"  # noqa: RUF001 - a dead key may be in the letter behind it
_BEGUN = re.compile(rf"(?i:{_WORDS})(?P<colon>\S){_FIELD}{_COLON}")
# What stands for `;` is a sign, or the letter of `:` in the other case; but where `:` has become one of these. So
# WIFI-A-ANTENNA-2, the number of an item, is no Wi-Fi code.
_SEMICOLONS = {"-": "'", ":": "[^\\s1-9A-Za-z]", "6": "4", "%": "M", "ù": "m"}
_MOST_COLONS = 8
_PASSWORD = re.compile(r"(?:^|[;:])P:[^;]", re.IGNORECASE)
_SAYS_WHOSE = re.compile(r"\s*[A-Za-z]{2,}:")
_END = ";;"
_MOST = 1024  # characters looked into, since the reader has no time; a code of a Wi-Fi has some 200
_UNSEEN = dict.fromkeys(range(32)) | {127: None, 0xFEFF: None}


def is_wifi(text: str) -> bool:
    """Whether a code may hold how to join a Wi-Fi: the whole of one, or the piece with the password."""
    plain = text.translate(_UNSEEN).rstrip()
    looked_into = plain[:_MOST]
    return bool(
        _HEAD.match(plain)
        or _ANYWHERE.search(looked_into)
        or _is_garbled(looked_into)
        or (plain.endswith(_END) and _PASSWORD.search(looked_into))
    )


def _is_garbled(text: str) -> bool:
    """Whether it begins as one read by a wrong layout, and goes on with a second field."""
    begun: dict[str, int] = {}
    for found in islice(_BEGUN.finditer(text), _MOST_COLONS):
        begun.setdefault(found["colon"], found.end())
    return any(_second_field(colon).search(text, end) for colon, end in begun.items())


@lru_cache(_MOST_COLONS)
def _second_field(colon: str) -> re.Pattern[str]:
    sign = re.escape(colon)
    semicolon = _SEMICOLONS.get(colon, rf"(?:[^\s0-9A-Za-z]|(?i:{sign}))")
    return re.compile(rf"(?!{sign}){semicolon}{_FIELD}{_COLON.replace('(?P=colon)', sign)}")


def has_begun(text: str) -> bool:
    """Whether what is read so far may become one."""
    plain = text[:_MOST].translate(_UNSEEN)
    return bool(_HEAD.match(plain) or _ANYWHERE.search(plain) or _BEGUN.search(plain))


def is_whole(text: str) -> bool:
    """Whether a Wi-Fi code has its end: two of the sign that ends its fields, by whatever layout that is."""
    end = text.translate(_UNSEEN).rstrip()[-2:]
    return len(end) == 2 and end[0] == end[1] and not end.isdigit()


def may_be_a_tail(text: str) -> bool:
    """Whether it may be the end of one whose beginning was lost: it ends so, and does not say what else it is."""
    return text.translate(_UNSEEN).rstrip().endswith(_END) and not _SAYS_WHOSE.match(text)
